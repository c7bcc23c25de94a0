/** An access key as its owner may see it: without the secret key. */
export interface AccessKeyV1 {
  accessKey: string;
  userId: string;
  description: string;
  isDisabled: boolean;
  /** RFC 3339. */
  createdAt: string;
}
