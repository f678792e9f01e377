#!/usr/bin/env node
/**
 * The command `nearfield`. Only this file knows the process: its arguments, signals and exit status.
 *
 * Exit status: 0 done, 1 failed, 2 wrong arguments; Ctrl-C ends it by that signal (130 in shells). A reader that goes away, as
 * `head` does, is no failure.
 */
import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty'
import { Failure, type Status, systemCode, wrong } from './failure.ts'
import { gen } from './gen/command.ts'
import { VERSION } from './version.ts'

const commands: Readonly<Record<string, CommandDef>> = { gen: gen as unknown as CommandDef }
const main = defineCommand({
  meta: { name: 'nearfield', version: VERSION, description: 'Vector search, and data to try it on' },
  subCommands: { ...commands },
})

async function run(words: readonly string[]): Promise<Status> {
  const command = commands[words[0] ?? '']
  if (words.includes('--help') || words.includes('-h')) return usage(command)
  if (words[0] === '--version') {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  if (!command) {
    const received = words[0] === undefined ? 'nothing' : JSON.stringify(words[0])
    throw wrong(`expected a command (${Object.keys(commands).join(', ')}), received ${received}`)
  }
  refuseUnknown(command, words.slice(1))
  const stop = new AbortController()
  // A second Ctrl-C ends the process as if there were no listener.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(name))
  const { result } = await runCommand(command, { rawArgs: words.slice(1) as string[], data: stop.signal })
  // As shells expect, and at once: a write that nobody reads would keep an orderly exit waiting.
  if (stop.signal.aborted) process.kill(process.pid, stop.signal.reason as NodeJS.Signals)
  return result as Status
}

async function usage(command: CommandDef | undefined): Promise<Status> {
  const text = await (command ? renderUsage(command, main as CommandDef) : renderUsage(main as CommandDef))
  process.stdout.write(`${process.stdout.isTTY ? text : stripVTControlCharacters(text)}\n`)
  return 0
}

/** The parser takes whatever looks like an option. */
function refuseUnknown({ args = {} }: CommandDef, words: readonly string[]): void {
  const known = new Set<string>()
  for (const [name, definition] of Object.entries(args as ArgsDef)) {
    const { type, alias } = definition as { type?: string; alias?: string | string[] }
    known.add(`--${name}`)
    if (type === 'boolean') known.add(`--no-${name}`)
    for (const letter of [alias ?? []].flat()) known.add(`-${letter}`)
  }
  const options = words.flatMap((word) => /^-[^=]+/.exec(word) ?? [])
  const strange = options.filter((option) => !known.has(option))
  if (strange.length > 0)
    throw wrong(`unknown option ${strange.join(', ')}, expected among ${[...known].join(', ')}`)
}

function told(error: unknown): Status {
  if (systemCode(error) === 'EPIPE') return 0
  if (error instanceof Failure) {
    process.stderr.write(`nearfield: ${error.message}\n`)
    return error.status
  }
  const { name, message } = error as Error
  if (name === 'CLIError') {
    process.stderr.write(`nearfield: ${message}; --help names all options\n`)
    return 2
  }
  if (name === 'NearfieldError') {
    process.stderr.write(`nearfield: ${message}\n`)
    return 1
  }
  throw error
}

process.exit(await run(process.argv.slice(2)).catch(told))
