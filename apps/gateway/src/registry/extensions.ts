/** What the registry, and each repository, offers beyond the spec's own endpoints: nothing. Spec: extensions/_oci.md. */
export const EXTENSIONS = { extensions: [] };
