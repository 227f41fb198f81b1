// The one loop behind all that is watched: each event once and in order, through whatever happens to the socket.
import { Unavailable } from './faults.js'
import type { UpdateKind } from './generated/graphql.js'
import type { EventCursor } from './scalars.js'

/** What a document must select of each frame, so that it can be followed. */
export interface Frame {
  readonly kind: UpdateKind
  readonly cursor: EventCursor
  readonly task: { readonly version: number; readonly __typename?: string }
  readonly event: { readonly version: number } | null
  readonly gap: object | null
}

/** A frame, told apart by `kind`: an EVENT has its `event`, a GAP its `gap`. */
export type Update<F extends Frame> = Omit<F, 'kind' | 'event' | 'gap'> &
  (
    | { readonly kind: 'SNAPSHOT'; readonly event: null; readonly gap: null }
    | { readonly kind: 'EVENT'; readonly event: NonNullable<F['event']>; readonly gap: null }
    | { readonly kind: 'GAP'; readonly event: null; readonly gap: NonNullable<F['gap']> }
  )

export interface FollowOptions {
  /** Go on after this cursor: a frame's, from this run or an earlier one. */
  readonly after?: EventCursor | null
  /** Ends it from outside, by throwing the signal's reason. */
  readonly signal?: AbortSignal
  /** Told of each lost connection, and how long it waits before the next try. */
  readonly onRetry?: (fault: Unavailable, milliseconds: number) => void
  /** How long to wait after a first failure, and at the longest. */
  readonly firstWaitMilliseconds?: number
  readonly mostWaitMilliseconds?: number
}

/** Yields the frames of `open(after)` that are new, told apart by `kind`: no event twice, none out of order. */
export async function* follow<F extends Frame>(
  open: (after: EventCursor | null) => AsyncIterable<F>,
  options: FollowOptions = {},
): AsyncGenerator<Update<F>, void> {
  let version = 0
  for await (const frame of resume(open, options)) {
    if (!isUpdate(frame)) continue
    if (frame.kind === 'GAP') {
      // After it counting begins anew: a database that was restored is at a lower version.
      version = 0
    } else {
      const reached = frame.kind === 'EVENT' ? frame.event.version : frame.task.version
      if (reached <= version) continue
      version = reached
    }
    yield frame
  }
}

/**
 * Yields the frames of `open(after)`; when the connection is lost, waits and opens it again after the last cursor.
 *
 * Ends where the server completes the subscription. What would only be refused again is thrown.
 */
export async function* resume<F extends { readonly cursor: EventCursor }>(
  open: (after: EventCursor | null) => AsyncIterable<F>,
  { after = null, signal, onRetry, firstWaitMilliseconds = 250, mostWaitMilliseconds = 5_000 }: FollowOptions = {},
): AsyncGenerator<F, void> {
  let cursor = after
  let failures = 0
  for (;;) {
    try {
      for await (const frame of open(cursor)) {
        cursor = frame.cursor
        failures = 0
        yield frame
      }
      return
    } catch (fault) {
      if (!(fault instanceof Unavailable)) throw fault
      // Half of it by chance, so that clients that were cut off together do not come back together.
      const most = Math.min(mostWaitMilliseconds, firstWaitMilliseconds * 2 ** failures++)
      const milliseconds = most * (0.5 + Math.random() / 2)
      onRetry?.(fault, milliseconds)
      await pause(milliseconds, signal)
    }
  }
}

/** Whether a frame is one that this client knows; a newer server may have other kinds. */
function isUpdate<F extends Frame>(frame: F): frame is F & Update<F> {
  const { kind, event, gap } = frame
  return kind === 'SNAPSHOT' || (kind === 'EVENT' && event !== null) || (kind === 'GAP' && gap !== null)
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
