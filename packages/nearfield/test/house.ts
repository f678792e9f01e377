/** A facade over the model, and short ways to ask what a call refuses. */
import { expect } from 'vitest'
import { type ErrorCode, NearfieldError, nearfield } from '../src/api/nearfield.ts'
import { Choices } from '../src/backends/choose.ts'
import { nodeHost } from '../src/hosts/node.ts'
import { nodeFiles } from '../src/hosts/node-files.ts'
import { type Model, model } from './model.ts'

export function house(backend: Model = model(), files = nodeFiles()) {
  const choices = new Choices([{ kind: 'native', load: async () => backend }])
  return { backend, ...nearfield({ choices, files, locate: nodeHost().locate, preferences: {} }) }
}

/** Points on a line: row `i` is `(i, 0, …)`. */
export function line(rows: number, dim = 4): Float32Array {
  const data = new Float32Array(rows * dim)
  for (let i = 0; i < rows; i++) data[i * dim] = i
  return data
}

export async function refuses(call: () => unknown, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await (async () => call())().then(
    () => expect.fail(`expected ${code}: ${message}, the call was accepted`),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(NearfieldError)
  expect((error as NearfieldError).message).toMatch(message)
  expect((error as NearfieldError).code).toBe(code)
}
