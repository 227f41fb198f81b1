// A list of tasks that stays as it is on the server: read once, then changed by the feed that begins where it was read.
import type { Connection } from './connection.js'
import { resume, type FollowOptions } from './follow.js'
import {
  FollowTasksDocument,
  ListTaskTypesDocument,
  type FollowTasksSubscription,
  type ListTasksQuery,
  type TaskFilter,
} from './generated/graphql.js'
import { possibleTypes } from './generated/possible-types.js'

export type Page = ListTasksQuery['tasks']
export type FeedUpdate = FollowTasksSubscription['tasksUpdated']

/** How many tasks to remember, to know what comes twice: after a lost connection a few events do. */
const REMEMBERED = 1_000

/** What happens after `page` was read, without what it shows already. Ends with a GAP: then read the list again. */
export async function* followPage(
  connection: Connection,
  page: Page,
  { filter = null, ...options }: FollowOptions & { readonly filter?: TaskFilter | null } = {},
): AsyncGenerator<FeedUpdate, void> {
  const versions = new Map<string, number>(page.nodes.map(({ id, version }) => [id, version]))
  const updates = resume(
    async function* (after) {
      const answers = connection.subscribe(FollowTasksDocument, { filter, after }, options.signal)
      for await (const { tasksUpdated } of answers) yield tasksUpdated
    },
    { ...options, after: page.eventCursor },
  )
  for await (const update of updates) {
    const { task } = update
    if (task && task.version <= (versions.get(task.id) ?? 0)) continue
    if (task) remember(versions, task.id, task.version)
    yield update
    if (update.kind === 'GAP') return
  }
}

/** The page after an update: `first` tasks, the newest first, as `tasks` would answer it now. */
export function fold(page: Page, { task, matches, cursor }: FeedUpdate, first: number): Page {
  if (!task) return { ...page, eventCursor: cursor }
  const others = page.nodes.filter(({ id }) => id !== task.id)
  // The ids are UUIDs of version 7: their order is that of submission.
  const nodes = matches ? [...others, task].sort((one, other) => (one.id < other.id ? 1 : -1)) : others
  return { ...page, nodes: nodes.slice(0, first), eventCursor: cursor }
}

/**
 * The object types behind each interface, with the task types that the server got since this code was generated.
 *
 * A cache needs them to tell that a fragment on `Task` is meant for an object of a type that it has never heard of.
 */
export async function currentPossibleTypes(connection: Connection): Promise<{ [name: string]: string[] }> {
  const { taskTypes } = await connection.ask(ListTaskTypesDocument, {})
  const current = taskTypes.map(({ objectType }) => objectType)
  const extended = (names: readonly string[]) => [...new Set([...names, ...current])]
  return { ...possibleTypes, Task: extended(possibleTypes.Task), Node: extended(possibleTypes.Node) }
}

function remember(versions: Map<string, number>, id: string, version: number): void {
  versions.delete(id)
  versions.set(id, version)
  for (const oldest of versions.keys()) {
    if (versions.size <= REMEMBERED) break
    versions.delete(oldest)
  }
}
