// The operations on tasks as one task type has them.
import { RunTaskDocument, SubmitTaskDocument, WatchTaskDocument } from './generated/graphql.js'
import type * as graphql from './generated/graphql.js'
import { taskTypes, type TaskTypes } from './generated/task-types.js'

/** The name of a task type, as in TaskInput: `reverseString`. */
export type TaskTypeName = keyof TaskTypes

/** A task of that type, or of any. */
export type TaskOf<K extends TaskTypeName | undefined> = K extends TaskTypeName
  ? TaskTypes[K]['task']
  : graphql.AnyTaskFieldsFragment

/** One task type and its arguments, as `runTask` and `submitTask` take them; never two. */
export type InputOf<K extends TaskTypeName> = graphql.TaskInput & { readonly [Name in K]: TaskTypes[Name]['input'] }

type With<Payload, Task> = Omit<Payload, 'task'> & { readonly task: Task }

/** One frame of `taskUpdated` and `runTask`. */
export type FrameOf<K extends TaskTypeName | undefined> = With<graphql.WatchTaskSubscription['taskUpdated'], TaskOf<K>>

/** What became of `submitTask`: the task, or the mistakes in what was sent. */
export type SubmissionOf<K extends TaskTypeName> = With<
  NonNullable<graphql.SubmitTaskMutation['submitTask']>,
  TaskOf<K> | null
>

export const watchDocument = <K extends TaskTypeName>(
  type: K,
): graphql.Document<{ taskUpdated: FrameOf<K> }, graphql.WatchTaskSubscriptionVariables> => typed(WatchTaskDocument, type)

export const runDocument = <K extends TaskTypeName>(
  type: K,
): graphql.Document<{ runTask: FrameOf<K> }, graphql.RunTaskSubscriptionVariables> => typed(RunTaskDocument, type)

export const submitDocument = <K extends TaskTypeName>(
  type: K,
): graphql.Document<{ submitTask: SubmissionOf<K> | null }, graphql.SubmitTaskMutationVariables> =>
  typed(SubmitTaskDocument, type)

/** The one task type that an input names. */
export function taskTypeOf<K extends TaskTypeName>(task: InputOf<K>): K {
  const [name, ...more] = Object.keys(task)
  if (name === undefined || !(name in taskTypes) || more.length > 0) {
    throw new TypeError(`expected one task type, got ${JSON.stringify(Object.keys(task))}`)
  }
  return name as K
}

/** The document with the result of a task type in the place of JSON. */
function typed(document: string, type: TaskTypeName): string {
  const { objectType, result } = taskTypes[type]
  return document.replace('resultJson', result && `... on ${objectType} { ${result} }`)
}
