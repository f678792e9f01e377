/**
 * Keys: the caller's names for rows. They go in as a column and come back by slot; in between the
 * core knows only slots. One sort per index: safe integers or strings, row numbers when none given.
 * Strings stay UTF-8 and are decoded when a hit shows them, so a million keys cost no million objects.
 */
import type { KeyColumn } from '../backend.ts'
import { NearfieldError, shown } from './errors.ts'

/** A safe integer or a string. */
export type Key = number | string

/** Keys for every row, all of one sort. */
export type Keys = readonly number[] | readonly string[] | Float64Array | Uint32Array | Int32Array

/** Checks keys and makes the column the core takes. `null`: rows are their own keys. `rows` left out: any number. */
export function toKeyColumn(keys: Keys | undefined, rows?: number): KeyColumn | null {
  if (keys === undefined) return null
  if (!Array.isArray(keys) && !ArrayBuffer.isView(keys)) {
    throw new NearfieldError('KEY', `keys must be an array with one key a row, received ${shown(keys)}`)
  }
  const list = keys as ArrayLike<unknown>
  if (rows !== undefined && list.length !== rows)
    throw new NearfieldError('KEY', `expected ${rows} keys, one a row, received ${list.length}`)
  return typeof list[0] === 'string' ? textColumn(list) : numberColumn(list)
}

function numberColumn(keys: ArrayLike<unknown>): Float64Array {
  const column = new Float64Array(keys.length)
  const seen = new Map<unknown, number>()
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    if (typeof key !== typeof keys[0]) throw mixed(keys, i)
    if (!Number.isSafeInteger(key)) {
      throw new NearfieldError(
        'KEY',
        `keys must be safe integers or strings, received ${shown(key)} at row ${i}`,
      )
    }
    refuseTwin(seen, key, i)
    column[i] = (key as number) + 0 // −0 becomes 0
  }
  return column
}

function textColumn(keys: ArrayLike<unknown>): KeyColumn {
  const encoder = new TextEncoder()
  const offsets = new Float64Array(keys.length + 1)
  const seen = new Map<unknown, number>()
  let bytes = new Uint8Array(Math.max(64, keys.length * 16))
  let end = 0
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    if (typeof key !== 'string') throw mixed(keys, i)
    if (!key.isWellFormed()) {
      throw new NearfieldError(
        'KEY',
        `the key of row ${i} has half a surrogate pair and cannot be stored: ${shown(key)}`,
      )
    }
    refuseTwin(seen, key, i)
    if (end + key.length * 3 > bytes.length) bytes = grown(bytes, end + key.length * 3)
    end += encoder.encodeInto(key, bytes.subarray(end)).written
    offsets[i + 1] = end
  }
  return { bytes: bytes.slice(0, end), offsets }
}

function refuseTwin(seen: Map<unknown, number>, key: unknown, row: number): void {
  const first = seen.get(key)
  if (first !== undefined) {
    throw new NearfieldError('KEY', `keys must differ, rows ${first} and ${row} both have ${shown(key)}`)
  }
  seen.set(key, row)
}

function mixed(keys: ArrayLike<unknown>, row: number): NearfieldError {
  const sort = typeof keys[0] === 'string' ? 'strings' : 'numbers'
  return new NearfieldError(
    'KEY',
    `keys must be of one sort, received ${shown(keys[row])} at row ${row} among ${sort}`,
  )
}

function grown(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, bytes.length * 2))
  larger.set(bytes)
  return larger
}

/** Slot → key, for one index. Rows may be added; those of one batch come and, if it fails, go together. */
export class KeyTable {
  #sort: 'rows' | 'numbers' | 'text'
  #rows: number
  /** Longer than there are rows: grown ahead. */
  #numbers: Float64Array = new Float64Array()
  #bytes: Uint8Array = new Uint8Array()
  #offsets: Float64Array = new Float64Array(1)
  readonly #decoder = new TextDecoder()
  #widest: number | undefined

  constructor(column: KeyColumn | null, rows: number) {
    this.#rows = rows
    this.#sort = sortOf(column)
    if (column instanceof Float64Array) this.#numbers = column
    else if (column) {
      this.#bytes = column.bytes
      this.#offsets = column.offsets
    }
  }

  get sort(): 'rows' | 'numbers' | 'text' {
    return this.#sort
  }

  get rows(): number {
    return this.#rows
  }

  /** Takes in the keys of `rows` more rows, which the core has found to go with these. */
  append(column: KeyColumn | null, rows: number): void {
    if (rows === 0) return
    if (this.#rows === 0) this.#sort = sortOf(column)
    const start = this.#rows
    if (column instanceof Float64Array) {
      this.#numbers = roomy(this.#numbers, start, rows, Float64Array)
      this.#numbers.set(column, start)
    } else if (column) {
      const end = this.#offsets[start]!
      this.#bytes = roomy(this.#bytes, end, column.bytes.length, Uint8Array)
      this.#bytes.set(column.bytes, end)
      this.#offsets = roomy(this.#offsets, start + 1, rows, Float64Array)
      for (let i = 1; i <= rows; i++) this.#offsets[start + i] = end + column.offsets[i]!
    }
    this.#rows += rows
    this.#widest = undefined
  }

  /** Forgets the keys of the last rows. */
  truncate(rows: number): void {
    this.#rows = rows
    this.#widest = undefined
  }

  key(slot: number): Key {
    return this.#sort === 'text' ? this.text(slot) : this.number(slot)
  }

  /** Only for `rows` and `numbers`. */
  number(slot: number): number {
    return this.#sort === 'numbers' ? this.#numbers[slot]! : slot
  }

  /** Only for `text`. */
  text(slot: number): string {
    return this.#decoder.decode(this.#bytes.subarray(this.#offsets[slot]!, this.#offsets[slot + 1]!))
  }

  /** A key that a `Uint32Array` cannot hold, if there is one. Looked for once. */
  beyondU32(): number | undefined {
    if (this.#sort !== 'numbers') return undefined
    if (this.#widest === undefined) {
      const keys = this.#numbers.subarray(0, this.#rows)
      this.#widest = keys.find((key) => key < 0 || key > 0xffff_ffff) ?? 0
    }
    return this.#widest === 0 ? undefined : this.#widest
  }
}

function sortOf(column: KeyColumn | null): 'rows' | 'numbers' | 'text' {
  if (column === null) return 'rows'
  return column instanceof Float64Array ? 'numbers' : 'text'
}

/** An array that begins with `used` elements of this one and has room for `more`. */
function roomy<T extends Float64Array | Uint8Array>(
  array: T,
  used: number,
  more: number,
  Sort: new (length: number) => T,
): T {
  if (array.length >= used + more) return array
  const larger = new Sort(Math.max(used + more, used * 2))
  larger.set(array.subarray(0, used))
  return larger
}
