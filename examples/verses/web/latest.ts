/**
 * Work asked for faster than it can be done: waits for a pause, runs one at a time, and of those that
 * came meanwhile only the newest. A result that a newer question overtook is never delivered.
 */

export interface Latest<Question> {
  ask(question: Question): void
}

export function makeLatest<Question, Answer>(
  pauseMs: number,
  work: (question: Question) => Promise<Answer>,
  deliver: (answer: Answer) => void,
  fail: (error: unknown) => void,
): Latest<Question> {
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = false
  let waiting: { readonly question: Question } | undefined

  async function run(question: Question): Promise<void> {
    running = true
    const mine = turn
    try {
      const answer = await work(question)
      if (mine === turn) deliver(answer)
    } catch (error) {
      fail(error)
    }
    running = false
    const next = waiting
    waiting = undefined
    if (next) void run(next.question)
  }

  return {
    ask(question) {
      turn += 1
      clearTimeout(timer)
      timer = setTimeout(() => {
        if (running) waiting = { question }
        else void run(question)
      }, pauseMs)
    },
  }
}
