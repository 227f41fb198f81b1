// Submit a task, watch a task, do both: typed by the task type that is named.
import type { Connection } from './connection.js'
import { Refused } from './faults.js'
import { follow, type FollowOptions, type Frame, type Update } from './follow.js'
import {
  WatchTaskDocument,
  type Document,
  type RunTaskInput,
  type SubmitTaskInput,
  type TaskEventKind,
} from './generated/graphql.js'
import { taskTypes } from './generated/task-types.js'
import {
  runDocument,
  submitDocument,
  taskTypeOf,
  watchDocument,
  type FrameOf,
  type InputOf,
  type SubmissionOf,
  type TaskTypeName,
} from './operations.js'
import type { EventCursor, Uuid } from './scalars.js'

export interface WatchOptions extends FollowOptions {
  /** Just these kinds of event. */
  readonly only?: readonly TaskEventKind[]
}

/** What such a document may ask for. */
export type WatchVariables = {
  readonly id: Uuid
  readonly after?: EventCursor | null | undefined
  readonly only?: readonly TaskEventKind[] | null | undefined
}

/** A document of your own for `taskUpdated`; its frames must have what is needed to follow them. */
export type WatchDocument<F extends Frame> = Document<{ readonly taskUpdated: F }, WatchVariables>

/** Updates of a task of that type, or of any. */
export type TaskUpdates<K extends TaskTypeName | undefined = undefined> = AsyncGenerator<Update<FrameOf<K>>, void>

/**
 * Each event of a task, once and in order, until it is final.
 *
 * Begins with a SNAPSHOT or, with `after`, with what came since. Lost connections are made up for; a GAP is yielded as
 * such, and a SNAPSHOT follows it. Throws `Refused` where the task is not there, or not for this user, or the token has
 * run out: `after` the last cursor it can be taken up again.
 */
export function watchTask(connection: Connection, id: Uuid, options?: WatchOptions): TaskUpdates
export function watchTask<K extends TaskTypeName>(
  connection: Connection,
  id: Uuid,
  options: WatchOptions & { readonly type: K },
): TaskUpdates<K>
export function watchTask<F extends Frame>(
  connection: Connection,
  id: Uuid,
  options: WatchOptions & { readonly document: WatchDocument<F> },
): AsyncGenerator<Update<F>, void>
export function watchTask(
  connection: Connection,
  id: Uuid,
  options: WatchOptions & { readonly type?: TaskTypeName; readonly document?: WatchDocument<Frame> } = {},
): AsyncGenerator<Update<Frame>, void> {
  const { type, document = type ? watchDocument(type) : WatchTaskDocument, only = null, signal } = options
  return follow(async function* (after) {
    for await (const { taskUpdated } of connection.subscribe(document, { id, after, only }, signal)) {
      yield type ? ofType(taskUpdated, type) : taskUpdated
    }
  }, options)
}

export interface RunOptions extends WatchOptions, Omit<RunTaskInput, 'task' | 'idempotencyKey'> {
  /** Your own name for this task, where the program itself may be started again; made up where none is given. */
  readonly idempotencyKey?: string
}

/**
 * Submits a task and yields its events, from the first one, as `watchTask` does.
 *
 * Sent again after a lost connection it finds the same task, by its idempotency key. `Refused.faults` has the mistakes.
 */
export function runTask<K extends TaskTypeName>(
  connection: Connection,
  task: InputOf<K>,
  options: RunOptions = {},
): TaskUpdates<K> {
  const { after, only = null, signal, onRetry, firstWaitMilliseconds, mostWaitMilliseconds, ...more } = options
  const type = taskTypeOf(task)
  const document = runDocument(type)
  const input = { idempotencyKey: crypto.randomUUID(), ...more, task }
  return follow(async function* (cursor) {
    for await (const { runTask: frame } of connection.subscribe(document, { input, after: cursor, only }, signal)) {
      yield ofType(frame, type)
    }
  }, options)
}

export interface SubmitOptions extends Omit<SubmitTaskInput, 'task'> {
  /** Answer when the task is final, or after that long (at most 60). */
  readonly waitSeconds?: number
}

/** Stores a task. What was wrong with it is data, in `errors`; what has no place there is thrown. */
export async function submitTask<K extends TaskTypeName>(
  connection: Connection,
  task: InputOf<K>,
  { waitSeconds = 0, ...more }: SubmitOptions = {},
): Promise<SubmissionOf<K>> {
  const variables = { input: { ...more, task }, waitSeconds }
  const { submitTask: payload } = await connection.ask(submitDocument(taskTypeOf(task)), variables)
  if (!payload) throw new Refused('INTERNAL', 'expected a payload, got none')
  return payload
}

/** The frame, if it is of that task type: a task of another one has no such result. */
function ofType<F extends Frame>(frame: F, type: TaskTypeName): F {
  const expected = taskTypes[type].objectType
  if (frame.task.__typename === expected) return frame
  throw new Refused('WRONG_TYPE', `expected a ${expected}, got a ${frame.task.__typename}`)
}
