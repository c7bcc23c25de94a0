import { IsInt, IsString, IsUUID, MaxLength, Min } from 'class-validator';

/** A session's object, whole, durable, and hashing to the digest that was asked for. No row refers to it yet. */
export class CompletedObject {
  /** The right to end the session, taken from whoever held it. */
  @IsUUID()
  claim!: string;

  @IsString()
  @MaxLength(256)
  objectKey!: string;

  @IsInt()
  @Min(0)
  size!: number;
}
