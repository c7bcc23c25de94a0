/** Where this very process serves its grants; in standalone a name that the gateway resolves to a function call. */
export class DataPlaneAddress {
  private base = 'in-process:/';

  /** Known when the internal port is bound. */
  set(base: string): void {
    this.base = base;
  }

  url(kind: 'uploads' | 'objects', grant: string): string {
    return `${this.base}/data/${kind}/${grant}`;
  }
}
