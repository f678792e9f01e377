/**
 * `nearfield gen`: from arguments as text to what is to be done. Nothing is opened here; what cannot be
 * is refused before anything is touched.
 */
import { availableParallelism } from 'node:os'
import type { ArgsDef } from 'citty'
import { wrong } from '../failure.ts'
import { parseSize } from '../sizes.ts'

export const ARGUMENTS = {
  size: { type: 'string', required: true, valueHint: '100GB', description: 'bytes of the whole stream' },
  out: {
    type: 'string',
    required: true,
    alias: 'o',
    valueHint: 'file|-',
    description: 'a file, a device, or - for standard output',
  },
  seed: { type: 'string', default: '0', valueHint: 'n', description: 'another seed, another stream' },
  dedup: { type: 'string', default: '1', valueHint: 'ratio', description: 'how often each block is there' },
  compress: { type: 'string', default: '1', valueHint: 'ratio', description: 'how far it compresses' },
  resume: { type: 'boolean', default: false, description: 'go on where the file ends' },
  verify: {
    type: 'boolean',
    default: false,
    description: 'make the bytes anew and compare; writes nothing, and - is standard input',
  },
  offset: { type: 'string', valueHint: '10GB', description: 'begin at this byte of stream and file' },
  length: { type: 'string', valueHint: '10GB', description: 'end after so many bytes' },
  force: { type: 'boolean', default: false, description: 'overwrite a file, or write to a device' },
  chunk: { type: 'string', default: '8MiB', valueHint: 'size', description: 'bytes of one write' },
  threads: {
    type: 'string',
    valueHint: 'n',
    description: `threads that make bytes (${availableParallelism()})`,
  },
  direct: {
    type: 'boolean',
    default: true,
    description: 'past the page cache, where the system can',
    negativeDescription: 'through the page cache',
  },
  quiet: { type: 'boolean', default: false, alias: 'q', description: 'say nothing but errors' },
} as const satisfies ArgsDef

/** Arguments as they come from the command line. */
export type Arguments = { readonly [name: string]: string | number | boolean | readonly string[] | undefined }

export interface Plan {
  readonly mode: 'write' | 'resume' | 'verify'
  readonly recipe: {
    readonly size: number
    readonly seed: number
    readonly dedupRatio: number
    readonly compressRatio: number
    readonly threads: number | undefined
  }
  /** A path, or `-`. */
  readonly out: string
  /** The bytes meant, `from` up to and without `until`. When resuming, `from` is where the file ends. */
  readonly from: number
  readonly until: number
  readonly part: boolean
  readonly force: boolean
  readonly direct: boolean
  readonly quiet: boolean
  readonly chunkBytes: number
}

/** What memory pages and blocks of disks are multiples of. */
export const PAGE_BYTES = 4096
const CHUNK_BYTES_MAX = 2 ** 30

export function planOf(args: Arguments): Plan {
  const loose = args['_'] as readonly string[] | undefined
  if (loose && loose.length > 0) throw wrong(`expected options only, received ${loose.join(' ')}`)
  const text = (name: string) => {
    const value = args[name]
    if (Array.isArray(value)) throw wrong(`--${name}: expected once, received ${value.join(', ')}`)
    return value === undefined ? undefined : String(value)
  }
  const flag = (name: string) => args[name] === true
  const size = parseSize('size', text('size') ?? '')
  if (size === 0) throw wrong('--size: expected at least one byte, received 0')
  const mode = flag('verify') ? 'verify' : flag('resume') ? 'resume' : 'write'
  if (flag('verify') && flag('resume')) throw wrong('expected --verify or --resume, received both')
  const out = text('out') ?? ''
  if (out === '') throw wrong('--out: expected a path or -, received nothing')
  const part = text('offset') !== undefined || text('length') !== undefined
  if (mode === 'resume' && part)
    throw wrong('--resume begins where the file ends: expected no --offset and no --length')
  if (mode === 'resume' && out === '-')
    throw wrong('--resume: standard output does not say how much of it there is: use --offset')
  const from = parseSize('offset', text('offset') ?? '0')
  if (from > size) throw wrong(`--offset: expected at most the size, received ${text('offset')}`)
  const length = text('length')
  const until = length === undefined ? size : from + parseSize('length', length)
  if (until > size)
    throw wrong(`--length: expected at most ${size - from} bytes from there on, received ${length}`)
  const chunkBytes = parseSize('chunk', text('chunk') ?? '')
  if (chunkBytes < PAGE_BYTES || chunkBytes > CHUNK_BYTES_MAX || chunkBytes % PAGE_BYTES !== 0)
    throw wrong(`--chunk: expected a multiple of 4 KiB up to 1 GiB, received ${text('chunk')}`)
  const threads = text('threads')
  return {
    mode,
    recipe: {
      size,
      seed: integer('seed', text('seed') ?? '', 0),
      dedupRatio: ratio('dedup', text('dedup') ?? ''),
      compressRatio: ratio('compress', text('compress') ?? ''),
      threads: threads === undefined ? undefined : integer('threads', threads, 1, 1024),
    },
    out,
    from,
    until,
    part,
    force: flag('force'),
    direct: flag('direct'),
    quiet: flag('quiet'),
    chunkBytes,
  }
}

function integer(name: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw wrong(`--${name}: expected a whole number from ${least} to ${most}, received ${JSON.stringify(text)}`)
}

function ratio(name: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= 1 && value <= 1e6) return value
  throw wrong(`--${name}: expected a number from 1 to 1000000, received ${JSON.stringify(text)}`)
}
