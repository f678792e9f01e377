/** The command as a person runs it: a process of its own, a file, signals, pipes. */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Generator } from 'nearfield'
import { afterAll, expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, '../src/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'nearfield-gen-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string) => join(folder, name)

interface Ended {
  /** How it exited, or the signal that ended it. */
  readonly status: number | NodeJS.Signals | null
  readonly errors: string
  readonly output: Buffer
}

function begin(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  let errors = ''
  child.stdout.on('data', (piece: Buffer) => output.push(piece))
  child.stderr.on('data', (piece: Buffer) => {
    errors += piece
  })
  const ended = new Promise<Ended>((done) =>
    child.on('close', (status, signal) =>
      done({ status: status ?? signal, errors, output: Buffer.concat(output) }),
    ),
  )
  return { child, ended }
}

const run = (...args: string[]) => begin(...args).ended

async function bytes(size: number, options: object = {}): Promise<Buffer> {
  await using source = new Generator({ size, ...options })
  const out = Buffer.alloc(size)
  await source.fillChunkAsync(out)
  return out
}

const RECIPE = ['--seed', '7', '--dedup', '2', '--compress', '1.5']
const OPTIONS = { seed: 7, dedupRatio: 2, compressRatio: 1.5 }

test('a file has the bytes of the library, of whatever length, and is verified', async () => {
  const size = 20_000_001
  for (const more of [[], ['--no-direct', '--chunk', '64KiB'], ['--threads', '1', '--chunk', '4MiB']]) {
    const args = ['gen', '--size', `${size}`, '--out', file('whole'), ...RECIPE, ...more]
    const made = await run(...args, '--force')
    expect(made).toMatchObject({ status: 0, output: Buffer.alloc(0) })
    expect(made.errors).toMatch(/^wrote: .*whole, 20 MB in .* GB\/s/)
    expect(readFileSync(file('whole')).equals(await bytes(size, OPTIONS))).toBe(true)
    expect(await run(...args, '--verify')).toMatchObject({ status: 0 })
    expect((await run(...args)).errors).toMatch(/is there already, with 20,000,001 bytes: --resume goes on/)
  }
})

/** Ends the process once the file is longer than `bytes`, long before it is whole. */
async function endEarly(path: string, bytes: number, signal: NodeJS.Signals): Promise<Ended> {
  const slow = ['--chunk', '4KiB', '--no-direct']
  const { child, ended } = begin('gen', '--size', '100MB', '--out', path, ...RECIPE, ...slow)
  while (!existsSync(path) || statSync(path).size < bytes) await setTimeout(1)
  child.kill(signal)
  return await ended
}

test.each(['SIGKILL', 'SIGINT'] as const)(
  'a file ended by %s is a beginning, gone on with and verified',
  async (signal) => {
    const path = file(signal)
    const ended = await endEarly(path, 1_000_000, signal)
    if (signal === 'SIGINT') {
      expect(ended.status).toBe('SIGINT')
      expect(ended.errors).toMatch(/^stopped at byte [\d,]+: --resume goes on; /)
    }
    const had = statSync(path).size
    expect(had).toBeLessThan(1e8)
    if (signal === 'SIGKILL') truncateSync(path, had - 345) // to an end no write ever has
    const args = ['gen', '--size', '100MB', '--out', path, ...RECIPE]
    const early = await run(...args, '--verify')
    expect(early.errors).toMatch(/too short: it ends at byte [\d,]+, expected 100,000,000 bytes/)
    expect(await run(...args, '--resume')).toMatchObject({ status: 0 })
    expect(readFileSync(path).equals(await bytes(1e8, OPTIONS))).toBe(true)
    expect(await run(...args, '--verify')).toMatchObject({ status: 0 })
  },
)

test('parts that several processes write make one file', async () => {
  const path = file('parts')
  const args = ['gen', '--size', '10MB', '--out', path, ...RECIPE]
  const parts = [
    ['--offset', '0', '--length', '3000001'],
    ['--offset', '3000001', '--length', '4MB'],
    ['--offset', '7000001'],
  ]
  const made = await Promise.all(parts.map((part) => run(...args, ...part)))
  expect(made.map(({ status }) => status)).toEqual([0, 0, 0])
  expect(readFileSync(path).equals(await bytes(1e7, OPTIONS))).toBe(true)
})

test('resuming writes the rest, only of the same stream, and what is whole stays', async () => {
  const path = file('rest')
  const whole = await bytes(12_000_003)
  writeFileSync(path, whole.subarray(0, 5_000_001))
  const args = ['gen', '--size', '12000003', '--out', path]
  const other = await run(...args, '--seed', '1', '--resume')
  expect(other).toMatchObject({ status: 1 })
  expect(other.errors).toMatch(/no beginning of this stream: it differs at byte 805,697/)
  expect(await run(...args, '--resume')).toMatchObject({ status: 0 })
  expect(readFileSync(path).equals(whole)).toBe(true)
  expect((await run(...args, '--resume')).errors).toMatch(/is whole already/)
  expect((await run('gen', '--size', '12MB', '--out', path, '--resume')).errors).toMatch(/more than --size/)
  expect((await run('gen', '--size', '12MB', '--out', path, '--verify')).errors).toMatch(
    /goes on after the stream's end/,
  )
  expect((await run(...args.slice(0, 4), file('none'), '--resume')).errors).toMatch(
    /is not there: nothing to resume/,
  )
})

test('verifying names the first byte that differs', async () => {
  const path = file('flipped')
  const args = ['gen', '--size', '20MB', '--out', path, '--chunk', '1MiB']
  expect(await run(...args)).toMatchObject({ status: 0 })
  const fd = openSync(path, 'r+')
  const expected = readFileSync(path)
  for (const place of [19_999_999, 7_340_032, 5_000_001, 0]) {
    writeSync(fd, Buffer.of(expected[place]! ^ 0x10), 0, 1, place)
    const { status, errors } = await run(...args, '--verify')
    expect(status).toBe(1)
    expect(errors).toContain(`flipped differs at byte ${place.toLocaleString('en')} (${place}): expected 0x`)
  }
  expect(await run(...args, '--verify', '--offset', '8MB', '--length', '1MB')).toMatchObject({ status: 0 })
})

test('standard output is the stream alone, and standard input is verified', async () => {
  const args = ['gen', '--size', '9000001', '--out', '-', '--seed', '3']
  const { status, output, errors } = await run(...args)
  expect(status).toBe(0)
  expect(output.equals(await bytes(9_000_001, { seed: 3 }))).toBe(true)
  expect(errors).toMatch(/^wrote: standard output, 9 MB/)
  expect(await run(...args, '--quiet')).toMatchObject({ status: 0, errors: '' })
  const part = await run(...args, '--offset', '8000000')
  expect(part.output.equals(output.subarray(8_000_000))).toBe(true)
  for (const [sent, code] of [
    [output, 0],
    [output.subarray(0, 8_999_999), 1],
  ] as const) {
    const { child, ended } = begin(...args, '--verify')
    child.stdin!.end(sent)
    expect((await ended).status).toBe(code)
  }
})

test('a reader that goes away ends it quietly', async () => {
  const { child, ended } = begin('gen', '--size', '100GB', '--out', '-')
  child.stdout!.once('data', () => child.stdout!.destroy())
  expect(await ended).toMatchObject({ status: 0, errors: '' })
})

test('Ctrl-C ends it though nobody reads', async () => {
  const child = spawn(process.execPath, [MAIN, 'gen', '--size', '100GB', '--out', '-'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((done) => child.on('exit', (status, signal) => done(status ?? signal)))
  await new Promise((begun) => child.stdout!.once('readable', () => begun(0)))
  child.kill('SIGINT')
  expect(await ended).toBe('SIGINT')
})

test.runIf(existsSync('/dev/full'))(
  'a full disk is told with the place, and folders and devices are refused',
  async () => {
    const full = await run('gen', '--size', '5MB', '--out', '/dev/full')
    expect(full).toMatchObject({ status: 1, errors: 'nearfield: /dev/full: the disk is full (ENOSPC)\n' })
    expect((await run('gen', '--size', '5MB', '--out', folder)).errors).toMatch(
      /is a folder, expected a file/,
    )
    expect((await run('gen', '--size', '5MB', '--out', join(folder, 'no/such'))).errors).toMatch(
      /its folder is not there \(ENOENT\)/,
    )
  },
)

test('wrong arguments are named, and nothing is written', async () => {
  for (const [args, says] of [
    [[], /expected a command \(gen\), received nothing/],
    [['make'], /expected a command \(gen\), received "make"/],
    [['gen'], /--size/],
    [
      ['gen', '--size', '1MB', '--out', file('no'), '--sede', '7'],
      /unknown option --sede, expected among --size/,
    ],
    [
      ['gen', '--size', '1MB', '--out', file('no'), '--compress', '0.5'],
      /--compress: expected a number from 1/,
    ],
    [['gen', '--size', '3K', '--out', file('no')], /unknown unit K/],
  ] as const) {
    const { status, errors } = await run(...args)
    expect(status, args.join(' ')).toBe(2)
    expect(errors).toMatch(says)
  }
  expect(existsSync(file('no'))).toBe(false)
  expect((await run('gen', '--help')).output.toString()).toContain('--compress=<ratio>')
})
