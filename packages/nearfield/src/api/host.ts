/**
 * All the core of the facade knows about where it runs. Entries make one; nothing else looks at
 * `process`, `Deno`, `window` or the file system.
 */
import type { Choices } from '../backends/choose.ts'
import type { BackendChoice } from './options.ts'

/** A file open for reading. */
export interface OpenFile {
  readonly bytes: number
  /** Fills `into` from `offset` on; fewer bytes only at the end of the file. */
  read(into: Uint8Array, offset: number): Promise<number>
  close(): Promise<void>
}

/** Files by path, where there are any. Every failure is an `IO` error naming the path. */
export interface Files {
  open(path: string): Promise<OpenFile>
  /** Puts a file of these pieces at `path`, whole or not at all, and durably so. */
  replace(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void>
}

/** Where something named by a string or URL lies. */
export type Place = { readonly path: string } | { readonly url: URL }

export interface Host {
  readonly choices: Choices
  readonly files: Files | null
  locate(source: string | URL): Place
  /** From the environment; options of a call come first. */
  readonly preferences: { readonly backend?: BackendChoice | undefined; readonly isa?: string | undefined }
}
