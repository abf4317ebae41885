// What the fuzzer's command and its thread say to each other.

export interface Order {
  readonly seed: number;
  readonly from: number;
  readonly cases: number;
  readonly ms: number;
  /** Which case is under way (Int32), how long it is (Int32), and its bytes: there where the thread hangs in it. */
  readonly watch: SharedArrayBuffer;
}

export type Word =
  | { readonly kind: 'progress'; readonly cases: number; readonly feeds: number }
  | { readonly kind: 'found'; readonly text: string }
  | {
      readonly kind: 'done';
      readonly cases: number;
      readonly feeds: number;
      readonly points: string;
      readonly found: number;
    };
