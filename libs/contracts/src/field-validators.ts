import { isDigest, isTag, parseRepositoryName } from '@berth/oci';
import { ValidateBy, type ValidationOptions } from 'class-validator';

const validator =
  (name: string, validate: (value: string) => boolean) =>
  (options?: ValidationOptions): PropertyDecorator =>
    ValidateBy(
      {
        name,
        validator: {
          validate: (value: unknown) => typeof value === 'string' && validate(value),
          defaultMessage: (args) => `${args?.property ?? 'field'} is not a valid ${name}`,
        },
      },
      options,
    );

const isCanonicalName = (value: string): boolean => {
  try {
    return parseRepositoryName(value) === value;
  } catch {
    return false;
  }
};

/** The field holds a canonical repository path: `library/busybox`, never `busybox`. */
export const IsRepositoryName = validator('repository name', isCanonicalName);

/** The field holds a digest of a known algorithm. */
export const IsDigest = validator('digest', isDigest);

/** The field holds a tag. */
export const IsTag = validator('tag', isTag);

/** The field holds an entity tag of a manifest without its quotes, which is a digest, or the `*` for any. */
export const IsEntityTag = validator('entity tag', (value) => value === '*' || isDigest(value));

/** The field holds a tag or a digest. */
export const IsReference = validator('reference', (value) => isDigest(value) || isTag(value));

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The field holds an id of an account, a user or a project: a UUID of any version, also of none, since clients may ask for any. */
export const IsId = validator('id', (value) => UUID.test(value));
