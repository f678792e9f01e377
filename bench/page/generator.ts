/** The page that the suite `generator` opens: fills the module's own memory over and over. */
import { Generator } from 'nearfield'

declare global {
  /** Seconds for `bytes` in chunks of `chunk`, awaited as a page does. */
  var fillRate: (bytes: number, chunk: number, threads: number) => Promise<number>
}

globalThis.fillRate = async (bytes, chunk, threads) => {
  await using source = new Generator({ size: bytes, threads, backend: 'wasm-threads' })
  const buffer = await source.buffer(chunk)
  await source.fillChunkAsync(buffer)
  source.reset()
  const started = performance.now()
  while ((await source.fillChunkAsync(buffer)) > 0);
  return (performance.now() - started) / 1000
}
