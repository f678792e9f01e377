/**
 * What the command line said. Wrong input becomes a {@link UsageError}, whose message names what was
 * expected; `main.ts` prints it and ends with status 2.
 */

import { parseArgs } from 'node:util'

export type Kind = 'hnsw' | 'flat'
export type BackendChoice = 'auto' | 'native' | 'wasm-threads' | 'wasm'

const KINDS: readonly Kind[] = ['hnsw', 'flat']
const BACKENDS: readonly BackendChoice[] = ['auto', 'native', 'wasm-threads', 'wasm']

export interface Arguments {
  readonly questions: readonly string[]
  readonly kinds: readonly Kind[]
  /** 0 means all. */
  readonly threads: number
  readonly backend: BackendChoice
  readonly json: boolean
  readonly help: boolean
}

export class UsageError extends Error {}

export const USAGE = `Usage: node examples/verses/demo/main.ts [question…] [options]

Embeds 31,102 verses, builds an index, saves it, opens it again mapped into memory, and
answers questions by meaning. Words without quotes make one question; quoted ones stand alone.

  --kind hnsw|flat     build and measure one kind only (default: hnsw, and flat beside it)
  --threads N          threads to build and to search batches with (default: all)
  --backend NAME       auto, native, wasm-threads or wasm (default: auto)
  --json               print one JSON object and nothing else
  --help               print this

The index is built anew at each start; it takes seconds. In a terminal you can go on asking:
an empty line or Ctrl-D ends. NO_COLOR is honoured.
`

export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv)
  return {
    questions: asQuestions(positionals),
    kinds: values.kind === undefined ? KINDS : [oneOf('--kind', values.kind, KINDS)],
    threads: values.threads === undefined ? 0 : wholeNumber('--threads', values.threads, 1, 256),
    backend: values.backend === undefined ? 'auto' : oneOf('--backend', values.backend, BACKENDS),
    json: values.json ?? false,
    help: values.help ?? false,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        kind: { type: 'string' },
        threads: { type: 'string' },
        backend: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    // Node's first sentence says what is wrong; the rest explains how to quote, which few need here.
    throw new UsageError((error as Error).message.split(/[.\n]/, 1)[0])
  }
}

/** `love your enemies` without quotes arrives as three words, yet is one question. */
function asQuestions(positionals: readonly string[]): string[] {
  const texts = positionals.map((text) => text.trim()).filter((text) => text !== '')
  const unquoted = texts.every((text) => !/\s/.test(text))
  return unquoted && texts.length > 0 ? [texts.join(' ')] : texts
}

function oneOf<Name extends string>(option: string, received: string, names: readonly Name[]): Name {
  const name = names.find((candidate) => candidate === received)
  if (!name) throw new UsageError(`${option}: expected one of ${names.join(', ')}, received "${received}"`)
  return name
}

export function wholeNumber(option: string, received: string, min: number, max: number): number {
  const value = Number(received)
  if (!/^\d+$/.test(received) || value < min || value > max) {
    throw new UsageError(`${option}: expected a whole number from ${min} to ${max}, received "${received}"`)
  }
  return value
}
