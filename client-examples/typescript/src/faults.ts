// What can go wrong, told apart by whether it goes away by itself.
import type { SubmitTaskMutation } from './generated/graphql.js'

/** A top-level error as the server sends it. */
export interface ServerError {
  readonly message: string
  readonly extensions?: { readonly [key: string]: unknown } | undefined
}

/** Why something was refused. The server may get more codes than these. */
export type Code =
  | 'BAD_USER_INPUT'
  | 'FORBIDDEN'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'INTERNAL'
  | 'INVALID_CURSOR'
  | 'NOT_FOUND'
  | 'UNAUTHENTICATED'
  | (string & {})

/** One mistake in what was submitted, typed as `submitTask` answers it. */
export type SubmissionFault = Pick<
  NonNullable<SubmitTaskMutation['submitTask']>['errors'][number],
  '__typename' | 'code' | 'message' | 'path'
>

/** The server said no, and would again: nothing is sent again by itself. */
export class Refused extends Error {
  override readonly name = 'Refused'

  constructor(
    readonly code: Code,
    message: string,
    readonly errors: readonly ServerError[] = [],
  ) {
    super(`${code}: ${message}`)
  }

  /** Of `runTask`: the mistakes in what was submitted. */
  get faults(): readonly SubmissionFault[] {
    return this.errors.flatMap(({ extensions }) => list(extensions?.['errors'])).filter(isFault)
  }
}

/** The server can't be reached, or can't do it just now: worth another try. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

/** Reads what graphql-ws, or a POST, ended with. What is neither comes back as it is. */
export function faultOf(thrown: unknown): unknown {
  if (Array.isArray(thrown)) return faultOfErrors(thrown.filter(isServerError))
  if (isCloseEvent(thrown)) return faultOfClose(thrown)
  // graphql-ws passes on what the token's function throws; a lost socket is an event, not an Error.
  return thrown instanceof Error ? thrown : new Unavailable('the connection was lost', { cause: thrown })
}

function faultOfErrors(errors: readonly ServerError[]): Refused | Unavailable {
  const [first] = errors
  const message = first?.message ?? 'an error without a message'
  const code = first?.extensions?.['code']
  if (code === 'UNAVAILABLE' || code === 'TIMED_OUT') return new Unavailable(message)
  return new Refused(typeof code === 'string' ? code : 'INTERNAL', message, errors)
}

function faultOfClose({ code, reason }: CloseEventLike): Refused | Unavailable {
  if (code === 4403) return new Refused('UNAUTHENTICATED', reason || 'the token is no good any more')
  if (FATAL_CLOSES.has(code)) return new Refused('INTERNAL', `the socket was closed: ${code} ${reason}`)
  return new Unavailable(`the socket was closed: ${code} ${reason}`)
}

/** Our mistake or the server's; each would only happen again. */
const FATAL_CLOSES = new Set([4004, 4005, 4400, 4401, 4406, 4409, 4429, 4500])

interface CloseEventLike {
  readonly code: number
  readonly reason: string
}

type Fields = { readonly [key: string]: unknown }
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const isCloseEvent = (value: unknown): value is CloseEventLike =>
  isObject(value) && typeof value['code'] === 'number' && typeof value['reason'] === 'string'
const isServerError = (value: unknown): value is ServerError => isObject(value) && typeof value['message'] === 'string'
const isFault = (value: unknown): value is SubmissionFault =>
  isServerError(value) && isObject(value) && typeof value['code'] === 'string' && Array.isArray(value['path'])
