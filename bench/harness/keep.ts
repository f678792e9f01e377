/** Where a suite's results go: to the folder asked for, and to `records` where the run matters. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Options } from './options.ts'

/** What to write, names without folder and ending: a file's among results, and what follows the date among records. */
interface Kept {
  readonly name: string
  readonly recorded: string
  readonly pictures?: readonly { readonly name: string; readonly svg: string }[]
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export async function keep(
  results: { readonly date: string },
  { name, recorded, pictures = [] }: Kept,
  { out = here('../results'), record }: Pick<Options, 'out' | 'record'>,
): Promise<void> {
  const text = `${JSON.stringify(results)}\n`
  await mkdir(out, { recursive: true })
  await writeFile(join(out, `${name}.json`), text)
  if (record) await writeFile(here(`../records/${results.date.slice(0, 10)}-${recorded}.json`), text)
  for (const { name, svg } of pictures) {
    await writeFile(join(out, `${name}.svg`), svg)
    if (record) await writeFile(here(`../records/pictures/${name}.svg`), svg)
  }
}
