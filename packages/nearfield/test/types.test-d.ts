/** What compiles is part of the interface. */
import { expectTypeOf, test } from 'vitest'
import type {
  BatchHits,
  BuildOptions,
  ErrorCode,
  Hit,
  Index,
  Key,
  NearfieldError,
  SearchOptions,
} from '../src/api/nearfield.ts'
import { buildIndex, openIndex } from '../src/entry/node.ts'

declare const index: Index

test('answers are typed', () => {
  expectTypeOf(index.search).returns.resolves.toEqualTypeOf<Hit[]>()
  expectTypeOf(index.searchSync([1])).toEqualTypeOf<Hit[]>()
  expectTypeOf(index.searchInto([1], new Uint32Array(1), new Float32Array(1))).toEqualTypeOf<number>()
  expectTypeOf(index.searchBatch).returns.resolves.toEqualTypeOf<BatchHits>()
  expectTypeOf(index.backend.kind).toEqualTypeOf<'native' | 'wasm-threads' | 'wasm'>()
  expectTypeOf<Hit['key']>().toEqualTypeOf<Key>()
  expectTypeOf<NearfieldError['code']>().toEqualTypeOf<ErrorCode>()
  expectTypeOf(index).toExtend<AsyncDisposable>()
})

test('options are unions by kind', () => {
  expectTypeOf<{ dim: 4 }>().toExtend<BuildOptions>()
  expectTypeOf<{ kind: 'hnsw'; M: 8; dim: 4; keys: string[] }>().toExtend<BuildOptions>()
  // @ts-expect-error a flat index has no links
  void buildIndex(new Float32Array(4), { dim: 4, kind: 'flat', M: 8 })
  // @ts-expect-error nobody knows this metric
  void buildIndex(new Float32Array(4), { dim: 4, metric: 'hamming' })
  // @ts-expect-error keys are of one sort
  void buildIndex(new Float32Array(4), { dim: 4, keys: [1, 'b'] })
  // @ts-expect-error doubles would be rounded silently
  void buildIndex(new Float64Array(4), { dim: 4 })
  expectTypeOf<{ probes: 'auto'; recall: number }>().toExtend<SearchOptions>()
  // @ts-expect-error a promise is made for 'auto'
  void index.search([1], { probes: 'all' })
  // @ts-expect-error a blocking call cannot be aborted
  void index.searchSync([1], { signal: AbortSignal.abort() })
  expectTypeOf(openIndex).parameter(0).toEqualTypeOf<string | URL | Uint8Array | ArrayBuffer | Blob>()
})
