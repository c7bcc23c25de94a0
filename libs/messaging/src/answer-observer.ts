/** Sees what a service answers. PlatformModule gives it one; without it nobody looks. */
export abstract class AnswerObserver {
  /** A question of this subject has arrived. The function that is returned is called at its end, with the error where it has one. */
  abstract begin(subject: string): (error?: unknown) => void;
}
