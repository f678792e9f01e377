import { expect, test } from 'vitest'
import { firstDifference } from '../src/gen/compare.ts'
import { Meter } from '../src/gen/display.ts'
import { type Arguments, planOf } from '../src/gen/plan.ts'

const whole: Arguments = { size: '1GB', out: 'x', seed: '0', dedup: '1', compress: '1', chunk: '8MiB' }

test('a plan has what the arguments say', () => {
  const plan = planOf({ ...whole, seed: '7', dedup: '2', compress: '1.5', offset: '1MB', length: '10KB' })
  expect(plan).toMatchObject({
    mode: 'write',
    recipe: { size: 1e9, seed: 7, dedupRatio: 2, compressRatio: 1.5, threads: undefined },
    from: 1_000_000,
    until: 1_010_000,
    part: true,
    chunkBytes: 8 << 20,
  })
  expect(planOf({ ...whole, verify: true })).toMatchObject({
    mode: 'verify',
    from: 0,
    until: 1e9,
    part: false,
  })
})

test('what cannot be is refused before anything is opened', () => {
  for (const [more, says] of [
    [{ size: '0' }, /--size: expected at least one byte/],
    [{ seed: '-1' }, /--seed: expected a whole number from 0/],
    [{ seed: '1.5' }, /--seed/],
    [{ seed: '9007199254740993' }, /--seed/],
    [{ dedup: '0.5' }, /--dedup: expected a number from 1 to 1000000, received "0.5"/],
    [{ compress: 'NaN' }, /--compress/],
    [{ compress: 'Infinity' }, /--compress/],
    [{ threads: '0' }, /--threads/],
    [{ chunk: '5000' }, /--chunk: expected a multiple of 4 KiB/],
    [{ chunk: '2GiB' }, /--chunk/],
    [{ offset: '1.1GB' }, /--offset: expected at most the size/],
    [{ offset: '0.9GB', length: '0.2GB' }, /--length: expected at most 100000000/],
    [{ resume: true, verify: true }, /received both/],
    [{ resume: true, offset: '5' }, /--resume begins where the file ends/],
    [{ resume: true, out: '-' }, /--resume: standard output/],
    [{ out: '' }, /--out: expected a path/],
    [{ size: ['1GB', '2GB'] }, /--size: expected once/],
    [{ _: ['more'] }, /expected options only, received more/],
  ] as const) {
    expect(() => planOf({ ...whole, ...more }), JSON.stringify(more)).toThrow(says)
  }
})

test('the first difference is found wherever it is', () => {
  const a = new Uint8Array(1000).map((_, at) => at % 251)
  for (const places of [[0], [999], [500, 501], [3, 900], [511, 512]]) {
    const b = a.slice()
    for (const place of places) b[place]! ^= 1
    expect(firstDifference(a, b)).toBe(places[0])
  }
  expect(firstDifference(a, a.slice())).toBeUndefined()
})

test('the meter tells the rate of late, and how long it takes from here', () => {
  let now = 0
  const meter = new Meter(0, 100e9, () => now)
  for (let second = 1; second <= 10; second++) {
    now = second * 1000
    meter.mark(second <= 5 ? second * 1e9 : 5e9 + (second - 5) * 3e9)
  }
  expect(meter.rate).toBe(3e9)
  expect(meter.seconds).toBe(10)
  expect(meter.text()).toBe('████░░░░░░░░░░░░░░░░░░░░  20 %  20 GB of 100 GB  3.00 GB/s  27 s left')
})
