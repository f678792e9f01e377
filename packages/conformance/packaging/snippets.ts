/** The README's snippets, as written: a fence after `<!-- snippet: name -->`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const SNIPPETS = ['node', 'deno', 'bun', 'vite', 'plain'] as const
export type SnippetName = (typeof SNIPPETS)[number]

const LINES_MAX = 10

export function readSnippets(): Readonly<Record<SnippetName, string>> {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8')
  const found: Partial<Record<SnippetName, string>> = {}
  for (const [, name, text] of readme.matchAll(/<!-- snippet: (\w+) -->\n```\w+\n([\s\S]*?)```/g)) {
    const lines = text!.trimEnd().split('\n').length
    if (lines > LINES_MAX)
      throw new Error(`expected at most ${LINES_MAX} lines in the snippet ${name}, received ${lines}`)
    found[name as SnippetName] = text!
  }
  const missing = SNIPPETS.filter((name) => found[name] === undefined)
  if (missing.length > 0)
    throw new Error(`expected snippets ${SNIPPETS.join(', ')} in README.md, missing ${missing.join(', ')}`)
  return found as Record<SnippetName, string>
}
