// What the client promises, each part by its name, all at once. `node scenario.js URL TOKEN FOREIGN_CURSOR` prints one
// JSON object: what each part was told.
import { argv, stdout } from 'node:process'

import WebSocket from 'ws'

import { Connection } from '../src/connection.js'
import { Refused, Unavailable } from '../src/faults.js'
import { follow, type Frame } from '../src/follow.js'
import { CancelTaskDocument, LetWatchDocument, WatchSharedDocument, type UpdateKind } from '../src/generated/graphql.js'
import { eventCursor, type Id } from '../src/scalars.js'
import { runTask, submitTask, watchTask } from '../src/tasks.js'

const [url = '', token = '', foreign = ''] = argv.slice(2)
let sockets = 0

class Counted extends WebSocket {
  constructor(address: string, protocols: string[]) {
    super(address, protocols)
    sockets += 1
  }
}

const connection = new Connection({ url, token, webSocket: Counted })
const other = (given: string) => new Connection({ url, token: given, webSocket: WebSocket })

const parts = {
  async aTaskToItsResult() {
    const updates = await all(runTask(connection, { reverseString: { text: 'live' } }))
    const last = updates.at(-1)
    return { versions: updates.map((update) => update.event?.version), result: last?.task.result?.text }
  },

  async aTaskWithoutAResult() {
    const updates = await all(runTask(connection, { wait: { seconds: 0 } }))
    return updates.at(-1)?.task.status
  },

  async aLateSubscriber() {
    const { task } = await submitTask(connection, { addNumbers: { a: 2, b: 3 } }, { waitSeconds: 20 })
    const id = idOf(task)
    const late = await all(watchTask(connection, id, { type: 'addNumbers' }))
    const after = late[0]?.cursor ?? null
    const kinds = late.map(({ kind }) => kind)
    const left = await all(watchTask(connection, id, { after }))
    return { answered: task?.result, kinds, result: late[0]?.task.result, after: left }
  },

  async manyOnOneSocket() {
    const texts = Array.from({ length: 25 }, (_, number) => `task ${number}`)
    const runs = texts.map((text) => all(runTask(connection, { reverseString: { text } })))
    const ends = (await Promise.all(runs)).map((updates) => updates.at(-1)?.task.result?.text)
    return { sockets, right: ends.filter((text, number) => text === [...`task ${number}`].reverse().join('')).length }
  },

  async aCancelledTask() {
    const statuses = []
    for await (const { task } of runTask(connection, { wait: { seconds: 60 } }, { only: ['STATUS'] })) {
      statuses.push(task.status)
      if (task.status === 'RUNNING') await connection.ask(CancelTaskDocument, { id: task.id })
    }
    return statuses
  },

  async aFailedTask() {
    const updates = await all(runTask(connection, { failSometimes: { failures: 9 } }, { maxAttempts: 1 }))
    const last = updates.at(-1)
    return { status: last?.task.status, failure: last?.task.failure?.code, result: last?.task.result }
  },

  async aFaultAsData() {
    const { task, errors } = await submitTask(connection, { tellStory: { topic: '', sentences: 3 } })
    return { task, errors: errors.map(({ __typename, code, path }) => ({ __typename, code, path })) }
  },

  async aFaultWhileRunning() {
    const fault = await faultOf(runTask(connection, { tellStory: { topic: 'x', sentences: 101 } }))
    return { code: fault.code, faults: fault.faults.map(({ code, path }) => ({ code, path })) }
  },

  async theSameKeyTwice() {
    const options = { idempotencyKey: `key ${Math.random()}` }
    const run = () => all(runTask(connection, { reverseString: { text: 'x' } }, options))
    const [one, two] = await Promise.all([run(), run()])
    return one[0]?.task.id === two[0]?.task.id
  },

  async aTokenThatExpires() {
    const { task } = await submitTask(connection, { wait: { seconds: 60 } })
    const id = idOf(task)
    const { createWatchToken } = await connection.ask(LetWatchDocument, { id, seconds: 2 })
    const guest = other(createWatchToken?.token ?? '')
    const told: string[] = []
    const fault = await faultOf(watchTask(guest, id, { document: WatchSharedDocument }), ({ kind }) => told.push(kind))
    const again = await faultOf(watchTask(guest, id, { document: WatchSharedDocument }))
    await connection.ask(CancelTaskDocument, { id })
    return { told: told[0], fault: fault.code, again: again.code }
  },

  async aBadToken() {
    const fault = await faultOf(watchTask(other('bad'), '01890000-0000-7000-8000-000000000000'))
    const asked = await submitTask(other('bad'), { wait: { seconds: 0 } }).catch((thrown: unknown) => thrown)
    return [fault.code, asked instanceof Refused && asked.code]
  },

  async anUnknownTask() {
    return (await faultOf(watchTask(connection, '01890000-0000-7000-8000-000000000000'))).code
  },

  async aTaskOfAnotherType() {
    const { task } = await submitTask(connection, { wait: { seconds: 0 } })
    return (await faultOf(watchTask(connection, idOf(task), { type: 'reverseString' }))).code
  },

  async aGap() {
    const { task } = await submitTask(connection, { reverseString: { text: 'gap' } }, { waitSeconds: 20 })
    const updates = await all(watchTask(connection, idOf(task), { after: eventCursor(foreign) }))
    return updates.map(({ kind, gap, task: { status } }) => [kind, gap?.reason ?? status])
  },

  async anEndFromOutside() {
    const stop = new AbortController()
    const { task } = await submitTask(connection, { wait: { seconds: 60 } })
    const id = idOf(task)
    const updates = watchTask(connection, id, { signal: stop.signal })
    const ended = await each(updates, () => stop.abort(new Error('enough'))).catch(String)
    await connection.ask(CancelTaskDocument, { id })
    return ended
  },

  async whatComesTwiceAndAfterAGap() {
    const lives = [
      [frame('SNAPSHOT', 3), frame('EVENT', 4), frame('EVENT', 4)],
      [frame('EVENT', 4), frame('EVENT', 5)],
      [],
      [frame('SNAPSHOT', 5), frame('GAP', 9), frame('SNAPSHOT', 2), frame('EVENT', 3), frame('LATER' as UpdateKind, 4)],
    ]
    const asked: (string | null)[] = []
    const waits: number[] = []
    const open = async function* (after: string | null) {
      asked.push(after)
      yield* lives.shift() ?? []
      if (lives.length > 0) throw new Unavailable('lost')
    }
    const onRetry = (_fault: Unavailable, milliseconds: number) => waits.push(milliseconds)
    const seen: string[] = []
    const updates = follow(open, { onRetry, firstWaitMilliseconds: 8 })
    await each(updates, ({ kind, task }) => seen.push(`${kind} ${task.version}`))
    return { seen, asked, waits }
  },
}

const frame = (kind: UpdateKind, version: number): Frame => ({
  kind,
  cursor: eventCursor(`after ${kind} ${version}`),
  task: { version },
  event: kind === 'EVENT' ? { version } : null,
  gap: kind === 'GAP' ? {} : null,
})

async function each<T>(updates: AsyncIterable<T>, heard: (update: T) => void): Promise<void> {
  for await (const update of updates) heard(update)
}

async function all<T>(updates: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  await each(updates, (update) => found.push(update))
  return found
}

async function faultOf<T>(updates: AsyncIterable<T>, heard: (update: T) => void = () => undefined): Promise<Refused> {
  const fault = await each(updates, heard).catch((thrown: unknown) => thrown)
  if (fault instanceof Refused) return fault
  throw new Error('expected a refusal', { cause: fault })
}

function idOf(task: { readonly id: Id } | null): Id {
  if (!task) throw new Error('expected a task')
  return task.id
}

const failed = (fault: unknown) => `fault: ${fault}`
const told = Object.entries(parts).map(async ([name, play]) => [name, await play().catch(failed)])
stdout.write(JSON.stringify(Object.fromEntries(await Promise.all(told))))
await connection.close()
