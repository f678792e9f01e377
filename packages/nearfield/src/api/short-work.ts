/**
 * Short work on the caller's thread. Handing a search to another thread and hearing back costs more than
 * most searches take; doing every one here would keep timers and sockets waiting while a program awaits
 * one after the other. So each turn of the event loop has some milliseconds to spend.
 */
import { turnOfTheLoop } from './progress.ts'

/** What one turn of the event loop may spend here. */
const SPENT_MS_MAX = 5
/** Multiplications of a search that is short: some tenths of a millisecond. */
const WORK_MAX = 4e6
/** Rows that a walk compares for each candidate it keeps, about. */
const ROWS_PER_CANDIDATE = 40

let spentMs = 0
let turn: Promise<void> | undefined

/** Whether a search over this many rows, or keeping this many candidates of a walk, is short. */
export function isShort(
  dim: number,
  how: { readonly rows: number } | { readonly candidates: number },
): boolean {
  const rows = 'rows' in how ? how.rows : how.candidates * ROWS_PER_CANDIDATE
  return rows * dim <= WORK_MAX
}

/** Whether this turn of the event loop has time left. */
export function hasTime(): boolean {
  return spentMs < SPENT_MS_MAX
}

/** Does short work now and keeps the account. */
export function runShort<T>(work: () => T): T {
  const started = performance.now()
  try {
    return work()
  } finally {
    spentMs += performance.now() - started
    turn ??= turnOfTheLoop().then(() => {
      turn = undefined
      spentMs = 0
    })
  }
}

/** When the turn that has had enough is over; a backend on this thread alone would not end it. */
export async function nextTurn(): Promise<void> {
  if (!hasTime()) await turn
}
