/**
 * Saving: the core's file is read in pieces and written out, to a path (whole or not at all, see
 * `Files.replace`), a stream, or one array.
 */
import { NearfieldError, shown } from './errors.ts'
import type { Files } from './host.ts'
import type { Meter } from './progress.ts'

/** A path, a `file:` URL or a stream. */
export type Target = string | URL | WritableStream<Uint8Array>

/** One index's file, in whatever format, as the backend gives it. */
export interface Image {
  readonly bytes: number
  /** Some of its bytes. */
  read(offset: number, bytes: number): Promise<Uint8Array>
  /** Throws once the index was closed. */
  open(): void
}

const PIECE_BYTES = 8 << 20

/** The file from first to last byte, reporting as it goes. */
async function* pieces(image: Image, meter: Meter): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < image.bytes; ) {
    image.open()
    const piece = await image.read(at, Math.min(PIECE_BYTES, image.bytes - at))
    yield piece
    at += piece.length
    await meter.step('write', at, image.bytes)
  }
}

export async function saveTo(
  target: Target,
  path: string | null,
  files: Files | null,
  image: Image,
  meter: Meter,
): Promise<void> {
  if (target instanceof WritableStream) return saveToStream(target, image, meter)
  if (path === null && typeof target !== 'string' && !(target instanceof URL)) {
    throw new NearfieldError(
      'OPTION',
      `save needs a path, a file: URL or a WritableStream, received ${shown(target)}`,
    )
  }
  if (files === null || path === null) {
    throw new NearfieldError(
      'IO',
      `cannot save to ${target}: there are no files by path here; use a WritableStream or toBytes()`,
    )
  }
  await files.replace(path, pieces(image, meter))
}

async function saveToStream(stream: WritableStream<Uint8Array>, image: Image, meter: Meter): Promise<void> {
  const writer = stream.getWriter()
  try {
    for await (const piece of pieces(image, meter)) {
      await writer.ready
      await writer.write(piece)
    }
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => {}) // the stream may have failed already; the first error is the one to tell
    throw error
  } finally {
    writer.releaseLock()
  }
}

export async function toBytes(image: Image, meter: Meter): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(image.bytes)
  let at = 0
  for await (const piece of pieces(image, meter)) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
