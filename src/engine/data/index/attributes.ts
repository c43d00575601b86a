/** Columns of a table beside path, label and split: texts as codes into the values that occur, or numbers. */
import { inTransaction, jsonOf, type Sql } from './database';

export type Attribute =
  | { readonly kind: 'text'; readonly name: string; readonly values: readonly string[]; readonly codes: Int32Array }
  | { readonly kind: 'number'; readonly name: string; readonly numbers: Float64Array };

/** An attribute is a number where every text in it is one. */
export function attributeOf(name: string, texts: readonly string[]): Attribute {
  const given = texts.filter((text) => text !== '');
  const isNumber = given.length > 0 && given.every((text) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text));
  if (isNumber) return { kind: 'number', name, numbers: Float64Array.from(texts, (text) => (text === '' ? NaN : Number(text))) };
  const values = [...new Set(given)].sort((a, b) => (a < b ? -1 : 1));
  const codes = new Map(values.map((value, code) => [value, code]));
  return { kind: 'text', name, values, codes: Int32Array.from(texts, (text) => codes.get(text) ?? -1) };
}

/** Different values. */
export function valueCount(attribute: Attribute): number {
  if (attribute.kind === 'text') return attribute.values.length;
  return new Set(attribute.numbers.filter((value) => !Number.isNaN(value))).size;
}

export function saveAttributes(sql: Sql, dataset: number, generation: number, attributes: readonly Attribute[]): void {
  const put = sql.prepare('INSERT OR REPLACE INTO attribute VALUES (?, ?, ?, ?, ?, ?, ?)');
  inTransaction(sql, () =>
    attributes.forEach((attribute, place) => {
      const { buffer, byteOffset, byteLength } = attribute.kind === 'text' ? attribute.codes : attribute.numbers;
      const values = attribute.kind === 'text' ? attribute.values : [];
      const data = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
      put.run(dataset, generation, place, attribute.name, attribute.kind, JSON.stringify(values), data);
    }),
  );
}

/** Pictures that came later have none: the arrays may be shorter than the dataset. */
export function loadAttributes(sql: Sql, dataset: number, generation: number): Attribute[] {
  const rows = sql
    .prepare('SELECT name, kind, vocabulary, data FROM attribute WHERE dataset = ? AND generation = ? ORDER BY place')
    .all(dataset, generation) as { name: string; kind: string; vocabulary: string; data: Uint8Array }[];
  return rows.map(({ name, kind, vocabulary, data }): Attribute => {
    const bytes = new Uint8Array(data).buffer;
    if (kind === 'number') return { kind, name, numbers: new Float64Array(bytes) };
    return { kind: 'text', name, values: JSON.parse(vocabulary) as string[], codes: new Int32Array(bytes) };
  });
}

/** Drops what came with tables but those that count, or that a change may bring back. */
export function dropOtherGenerations(sql: Sql, dataset: number, kept: readonly number[]): void {
  const others = 'generation NOT IN (SELECT value FROM json_each(?))';
  sql.prepare(`DELETE FROM attribute WHERE dataset = ? AND ${others}`).run(dataset, jsonOf(kept));
  sql.prepare(`DELETE FROM loose_problem WHERE dataset = ? AND ${others}`).run(dataset, jsonOf([0, ...kept]));
}
