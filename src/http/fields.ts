// The fields of a request head, as they lie in its text: pairs are made where somebody asks for them.
import type { ByteString, Header } from '../core/bytes.ts';
import type { FieldName } from './field-name.ts';

/** Never changed, so that a client which repeats itself has them made once. */
export class Fields {
  /** What the values are slices of. */
  readonly text: ByteString;
  readonly names: readonly FieldName[];
  /** Where each value begins and ends in the text: two numbers a field. */
  readonly values: readonly number[];
  /** Each name is a common one, and comes once. */
  readonly plain: boolean;

  constructor(text: ByteString, names: readonly FieldName[], values: readonly number[], plain: boolean) {
    this.text = text;
    this.names = names;
    this.values = values;
    this.plain = plain;
  }

  get count(): number {
    return this.names.length;
  }

  value(index: number): ByteString {
    return this.text.slice(this.values[2 * index], this.values[2 * index + 1]);
  }

  /** As a list of its own: an app may do with it what it likes. */
  list(): Header[] {
    return this.names.map(({ text }, index) => [text, this.value(index)]);
  }
}
