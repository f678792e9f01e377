import { expect, test } from 'vitest'
import { parseSize, sizeText } from '../src/sizes.ts'

test('sizes in every unit, in any case, exactly', () => {
  const cases: readonly [string, number][] = [
    ['4096', 4096],
    ['0', 0],
    ['7B', 7],
    ['100GB', 100e9],
    ['1kb', 1000],
    ['1 KiB', 1024],
    ['1.1GB', 1_100_000_000],
    ['0.1TB', 1e11],
    ['1.5MiB', 1_572_864],
    ['2gib', 2 ** 31],
    ['3PB', 3e15],
    ['9007199254740991', 2 ** 53 - 1],
  ]
  for (const [text, bytes] of cases) expect(parseSize('size', text), text).toBe(bytes)
})

test('what is no size is refused, with what was expected', () => {
  for (const [text, says] of [
    ['', /--size: expected a size as 100GB/],
    ['-1', /expected a size/],
    ['1e9', /expected a size/],
    ['GB', /expected a size/],
    ['NaN', /expected a size/],
    ['3K', /unknown unit K, expected one of B, KB, KiB/],
    ['3XB', /unknown unit XB/],
    ['0.5B', /not a whole number of bytes/],
    ['1.0001KB', /not a whole number/],
    ['9007199254740992', /less than 2\^53/],
    ['9PiB', /less than 2\^53/],
  ] as const) {
    expect(() => parseSize('size', text), text).toThrow(says)
  }
})

test('sizes to three digits', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 KB'],
    [12_345, '12.3 KB'],
    [999_600, '1 MB'],
    [42_137_000_000, '42.1 GB'],
    [1e11, '100 GB'],
    [1.5e12, '1.5 TB'],
  ] as const) {
    expect(sizeText(bytes)).toBe(text)
  }
})
