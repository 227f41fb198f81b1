// Written by `make codegen`; never edit it.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { Uuid, Id, BigIntOutput, DateTime, EventCursor, Json } from '../scalars.js';
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core'
/** Add two numbers. */
export type AddNumbersInput = {
  /** One of them. */
  readonly a: number;
  /** The other. */
  readonly b: number;
};

/** Count the primes up to a limit, with a sieve that works in segments. */
export type CountPrimesInput = {
  /** The last number to look at. A million takes no time, two thousand million take minutes. At least 0, at most 2147483647. */
  readonly limit: number;
};

/** Count the words and lines of a text, and find its most frequent words. */
export type CountWordsInput = {
  /** Any text. */
  readonly text: string;
};

/** The stable name of a mistake that a client can mend in its input. */
export type ErrorCode =
  /** A value breaks a rule of the task type or of the API. */
  | 'INVALID_ARGUMENTS'
  /** A value is larger, or a list longer, than what is stored. */
  | 'TOO_LARGE'
  /** No such thing, as far as this user may know. */
  | 'NOT_FOUND'
  /** This user may not do this. */
  | 'FORBIDDEN'
  /** Too often; try again later. */
  | 'RATE_LIMITED'
  /** As many tasks wait in that queue as may. */
  | 'QUEUE_FULL'
  /** The key is taken by a task of another type or with other arguments. */
  | 'IDEMPOTENCY_CONFLICT'
  /** The task is final already. */
  | 'NOT_CANCELLABLE'
  /** Only FAILED, CANCELLED and EXPIRED tasks can be retried. */
  | 'NOT_RETRYABLE'
  /** The selection matches another number of tasks than was expected. */
  | 'EXPECTATION_FAILED'
  /** Unknown name or wrong password. */
  | 'INVALID_CREDENTIALS'
  /** The name or the password is not acceptable. */
  | 'INVALID_REGISTRATION';

/** Fail a number of times, then return the attempt that succeeded. */
export type FailSometimesInput = {
  /** How many attempts fail. With more than four the task itself fails, and a retryTask takes it further. At least 0, at most 100. */
  readonly failures?: number;
};

/** Why an attempt failed. */
export type FailureCode =
  /** The handler raised. */
  | 'EXCEPTION'
  /** It ran longer than its `timeoutSeconds`. */
  | 'TIMEOUT'
  /** The process that ran it died, or its worker's lease ran out. */
  | 'WORKER_LOST'
  /** The handler raised MemoryError. */
  | 'OUT_OF_MEMORY'
  /** What it returned does not fit its declared type. */
  | 'INVALID_RESULT'
  /** The handler refused the task for good, or its stored arguments no longer fit; not retried. */
  | 'REJECTED';

/** Why events could not be replayed. */
export type GapReason =
  /** They are older than what the log keeps. */
  | 'RETENTION'
  /** The cursor belongs to another life of the database: it was restored from a backup, or replaced. */
  | 'EPOCH_CHANGED'
  /** The subscriber fell too far behind to catch up. */
  | 'SLOW_SUBSCRIBER';

/** Pick a whole number between two bounds, both included. */
export type GenerateRandomNumberInput = {
  /** The lower bound. */
  readonly minimum?: number;
  /** The upper bound, not below the lower one. */
  readonly maximum?: number;
};

/** How much a log line of a handler matters. */
export type LogLevel =
  /** For whoever wrote the handler. */
  | 'DEBUG'
  /** The default. */
  | 'INFO'
  /** Something is odd, and the handler goes on. */
  | 'WARNING'
  /** Something failed, though perhaps not the attempt. */
  | 'ERROR';

/** Credentials. */
export type LoginInput = {
  /** As registered. */
  readonly username: string;
  /** As registered. */
  readonly password: string;
};

/** Turn a text around, last character first. */
export type ReverseStringInput = {
  /** What to turn around. */
  readonly text: string;
};

/** The idempotencyKey makes it safe to send again: a client library that reconnects by itself follows the same task. */
export type RunTaskInput = {
  /** What to do. */
  readonly task: TaskInput;
  /** Within one queue, higher ones start first. */
  readonly priority?: TaskPriority;
  /** Where it waits. Default: the task type's. */
  readonly queue?: string | null | undefined;
  /** This or delaySeconds, not both. A time in the past: at once. */
  readonly scheduledFor?: string | null | undefined;
  /** Not started before that long after submission. */
  readonly delaySeconds?: number | null | undefined;
  /** Not started that long after submission: EXPIRED, never run. */
  readonly expiresInSeconds?: number | null | undefined;
  /** How many attempts it is allowed. Default: the task type's. */
  readonly maxAttempts?: number | null | undefined;
  /** Before the second attempt. Default: the task type's backoff. */
  readonly retryDelaySeconds?: number | null | undefined;
  /** How long one attempt may take. Default: the task type's. */
  readonly timeoutSeconds?: number | null | undefined;
  /** Words to find it by. */
  readonly tags?: ReadonlyArray<string> | null | undefined;
  /** Anything; it comes back with the task. */
  readonly metadata?: Json | null | undefined;
  /** Your own name for this task. */
  readonly idempotencyKey: string;
};

/** Store something to do. */
export type SaveTodoInput = {
  /** What it is, in a line. At least 1 character, at most 200 characters. */
  readonly title: string;
  /** More about it. At most 10000 characters. */
  readonly description?: string;
};

/** Send a message and return its receipt. Here, sending means a line in the worker's log. */
export type SendMessageInput = {
  /** To whom. At least 1 character, at most 254 characters. */
  readonly recipient: string;
  /** What it says. At least 1 character, at most 10000 characters. */
  readonly text: string;
};

/** A task to submit. */
export type SubmitTaskInput = {
  /** What to do. */
  readonly task: TaskInput;
  /** Within one queue, higher ones start first. */
  readonly priority?: TaskPriority;
  /** Where it waits. Default: the task type's. */
  readonly queue?: string | null | undefined;
  /** This or delaySeconds, not both. A time in the past: at once. */
  readonly scheduledFor?: string | null | undefined;
  /** Not started before that long after submission. */
  readonly delaySeconds?: number | null | undefined;
  /** Not started that long after submission: EXPIRED, never run. */
  readonly expiresInSeconds?: number | null | undefined;
  /** How many attempts it is allowed. Default: the task type's. */
  readonly maxAttempts?: number | null | undefined;
  /** Before the second attempt. Default: the task type's backoff. */
  readonly retryDelaySeconds?: number | null | undefined;
  /** How long one attempt may take. Default: the task type's. */
  readonly timeoutSeconds?: number | null | undefined;
  /** Words to find it by. */
  readonly tags?: ReadonlyArray<string> | null | undefined;
  /** Anything; it comes back with the task. */
  readonly metadata?: Json | null | undefined;
  /** The same key and arguments by the same owner: the task that exists comes back. Lives as long as the task. */
  readonly idempotencyKey?: string | null | undefined;
};

/** What a stored event tells. */
export type TaskEventKind =
  /** A transition. */
  | 'STATUS'
  /** How far the attempt has come. */
  | 'PROGRESS'
  /** One line that the handler logged. */
  | 'LOG'
  /** A chunk of what the handler streams. */
  | 'OUTPUT'
  /** Somebody asked a running task to stop. */
  | 'CANCEL_REQUEST';

/** Which tasks. All conditions given must hold. An empty list matches nothing. */
export type TaskFilter = {
  /** Any of these. */
  readonly ids?: ReadonlyArray<Uuid> | null | undefined;
  /** Of any of these task types. */
  readonly types?: ReadonlyArray<string> | null | undefined;
  /** In any of these. */
  readonly statuses?: ReadonlyArray<TaskStatus> | null | undefined;
  /** In any of these queues. */
  readonly queues?: ReadonlyArray<string> | null | undefined;
  /** Of any of these. */
  readonly priorities?: ReadonlyArray<TaskPriority> | null | undefined;
  /** With at least one of these. */
  readonly tagsAny?: ReadonlyArray<string> | null | undefined;
  /** With every one of these. */
  readonly tagsAll?: ReadonlyArray<string> | null | undefined;
  /** Submitted after this moment. */
  readonly createdAfter?: string | null | undefined;
  /** Submitted before this moment. */
  readonly createdBefore?: string | null | undefined;
  /** Only those that have ended, or only those that have not. */
  readonly isFinal?: boolean | null | undefined;
  /** Without this and allOwners: one's own tasks. Others are for staff. */
  readonly ownerIds?: ReadonlyArray<Uuid> | null | undefined;
  /** Everybody's tasks; for staff. */
  readonly allOwners?: boolean | null | undefined;
};

/** Exactly one task type and its arguments. */
export type TaskInput =
  {   /** Add two numbers. */
  readonly addNumbers: AddNumbersInput; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never;   /** Count the primes up to a limit, with a sieve that works in segments. */
  readonly countPrimes: CountPrimesInput; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never;   /** Count the words and lines of a text, and find its most frequent words. */
  readonly countWords: CountWordsInput; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never;   /** Fail a number of times, then return the attempt that succeeded. */
  readonly failSometimes: FailSometimesInput; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never;   /** Pick a whole number between two bounds, both included. */
  readonly generateRandomNumber: GenerateRandomNumberInput; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never;   /** Turn a text around, last character first. */
  readonly reverseString: ReverseStringInput; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never;   /** Store something to do. */
  readonly saveTodo: SaveTodoInput; readonly sendMessage?: never; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never;   /** Send a message and return its receipt. Here, sending means a line in the worker's log. */
  readonly sendMessage: SendMessageInput; readonly tellStory?: never; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never;   /** Tell a story word by word. The same arguments make the same story. */
  readonly tellStory: TellStoryInput; readonly wait?: never; }
  |  { readonly addNumbers?: never; readonly countPrimes?: never; readonly countWords?: never; readonly failSometimes?: never; readonly generateRandomNumber?: never; readonly reverseString?: never; readonly saveTodo?: never; readonly sendMessage?: never; readonly tellStory?: never;   /** Do nothing for a while. */
  readonly wait: WaitInput; };

/** Within one queue, all HIGH tasks start before any NORMAL one, and those before any LOW one. */
export type TaskPriority =
  /** When nothing else waits. */
  | 'LOW'
  /** The default. */
  | 'NORMAL'
  /** Ahead of all others in its queue. */
  | 'HIGH';

/** Where a task stands. */
export type TaskStatus =
  /** Accepted, and resting in the database until `scheduledFor`. */
  | 'SCHEDULED'
  /** Due: a worker may claim it at any moment. */
  | 'QUEUED'
  /** Claimed: exactly one claim holds it, and only that claim may end the attempt. */
  | 'RUNNING'
  /** The last attempt failed; resting in the database until `nextAttemptAt`. */
  | 'RETRYING'
  /** Final: the handler returned a result that fits its declared type. */
  | 'SUCCEEDED'
  /** Final unless retried: no attempt is left, or the failure was not worth another. */
  | 'FAILED'
  /** Final unless retried: somebody asked for it before it succeeded. */
  | 'CANCELLED'
  /** Final unless retried: not started before `expiresAt`. */
  | 'EXPIRED';

/** Tell a story word by word. The same arguments make the same story. */
export type TellStoryInput = {
  /** Who or what it is about. At least 1 character, at most 100 characters. */
  readonly topic: string;
  /** How long it is. At least 1, at most 100. */
  readonly sentences?: number;
};

/** What a frame of a subscription carries. */
export type UpdateKind =
  /** One task as it stands: when its subscription begins without `after`, and after a GAP. Never in a feed. */
  | 'SNAPSHOT'
  /** One event, and the task as it stood right after it. */
  | 'EVENT'
  /** Events were missed that can't be replayed. For one task a SNAPSHOT follows; of a feed, fetch the list again. */
  | 'GAP'
  /** Of a feed: nothing new, only a cursor to resume from. The first frame, then now and then while it is quiet. */
  | 'POSITION';

/** Do nothing for a while. */
export type WaitInput = {
  /** How long. At least 0, at most 3600. */
  readonly seconds: number;
};

export type TaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
);

type EventFields_TaskCancelRequested_Fragment = (
  { readonly version: number, readonly at: DateTime, readonly attempt: number }
  & { readonly __typename: 'TaskCancelRequested' }
);

type EventFields_TaskLogged_Fragment = (
  { readonly level: LogLevel, readonly message: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
  & { readonly __typename: 'TaskLogged' }
);

type EventFields_TaskOutput_Fragment = (
  { readonly chunk: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
  & { readonly __typename: 'TaskOutput' }
);

type EventFields_TaskProgressed_Fragment = (
  { readonly version: number, readonly at: DateTime, readonly attempt: number, readonly progress: { readonly fraction: number | null, readonly message: string | null } }
  & { readonly __typename: 'TaskProgressed' }
);

type EventFields_TaskStatusChanged_Fragment = (
  { readonly from: TaskStatus | null, readonly to: TaskStatus, readonly version: number, readonly at: DateTime, readonly attempt: number, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'TaskStatusChanged' }
);

export type EventFieldsFragment =
  | EventFields_TaskCancelRequested_Fragment
  | EventFields_TaskLogged_Fragment
  | EventFields_TaskOutput_Fragment
  | EventFields_TaskProgressed_Fragment
  | EventFields_TaskStatusChanged_Fragment
;

export type FrameFieldsFragment = { readonly kind: UpdateKind, readonly cursor: EventCursor, readonly event:
    | (
      { readonly version: number, readonly at: DateTime, readonly attempt: number }
      & { readonly __typename: 'TaskCancelRequested' }
    )
    | (
      { readonly level: LogLevel, readonly message: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
      & { readonly __typename: 'TaskLogged' }
    )
    | (
      { readonly chunk: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
      & { readonly __typename: 'TaskOutput' }
    )
    | (
      { readonly version: number, readonly at: DateTime, readonly attempt: number, readonly progress: { readonly fraction: number | null, readonly message: string | null } }
      & { readonly __typename: 'TaskProgressed' }
    )
    | (
      { readonly from: TaskStatus | null, readonly to: TaskStatus, readonly version: number, readonly at: DateTime, readonly attempt: number, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
      & { readonly __typename: 'TaskStatusChanged' }
    )
   | null, readonly gap: { readonly reason: GapReason } | null };

export type SubmissionFieldsFragment = { readonly deduplicated: boolean, readonly errors: ReadonlyArray<
    | (
      { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
      & { readonly __typename: 'InvalidArguments' | 'Forbidden' }
    )
    | (
      { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly limit: number }
      & { readonly __typename: 'TooLarge' }
    )
    | (
      { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly retryAfterSeconds: number }
      & { readonly __typename: 'RateLimited' }
    )
    | (
      { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly queue: string, readonly limit: number }
      & { readonly __typename: 'QueueFull' }
    )
    | (
      { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly task: { readonly id: Id } }
      & { readonly __typename: 'IdempotencyConflict' }
    )
  > };

export type LoginMutationVariables = Exact<{
  input: LoginInput;
}>;


export type LoginMutation = { readonly login: { readonly token: string | null, readonly tokenExpiresAt: DateTime | null, readonly errors: ReadonlyArray<(
      { readonly code: ErrorCode, readonly message: string }
      & { readonly __typename: 'InvalidCredentials' | 'InvalidRegistration' | 'RateLimited' | 'Forbidden' }
    )> } | null };

export type CancelTaskMutationVariables = Exact<{
  id: Uuid;
}>;


export type CancelTaskMutation = { readonly cancelTask: { readonly task: (
      { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    ) | null, readonly errors: ReadonlyArray<(
      { readonly code: ErrorCode, readonly message: string }
      & { readonly __typename: 'NotFound' | 'NotCancellable' }
    )> } | null };

export type AnyTaskFieldsFragment = (
  { readonly resultJson: Json | null, readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
);

export type SubmitTaskMutationVariables = Exact<{
  input: SubmitTaskInput;
  waitSeconds: number;
}>;


export type SubmitTaskMutation = { readonly submitTask: { readonly deduplicated: boolean, readonly task: (
      { readonly resultJson: Json | null, readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    ) | null, readonly errors: ReadonlyArray<
      | (
        { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }
        & { readonly __typename: 'InvalidArguments' | 'Forbidden' }
      )
      | (
        { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly limit: number }
        & { readonly __typename: 'TooLarge' }
      )
      | (
        { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly retryAfterSeconds: number }
        & { readonly __typename: 'RateLimited' }
      )
      | (
        { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly queue: string, readonly limit: number }
        & { readonly __typename: 'QueueFull' }
      )
      | (
        { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string>, readonly task: { readonly id: Id } }
        & { readonly __typename: 'IdempotencyConflict' }
      )
    > } | null };

export type WatchTaskSubscriptionVariables = Exact<{
  id: Uuid;
  after?: EventCursor | null | undefined;
  only?: ReadonlyArray<TaskEventKind> | TaskEventKind | null | undefined;
}>;


export type WatchTaskSubscription = { readonly taskUpdated: { readonly kind: UpdateKind, readonly cursor: EventCursor, readonly task: (
      { readonly resultJson: Json | null, readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    ), readonly event:
      | (
        { readonly version: number, readonly at: DateTime, readonly attempt: number }
        & { readonly __typename: 'TaskCancelRequested' }
      )
      | (
        { readonly level: LogLevel, readonly message: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
        & { readonly __typename: 'TaskLogged' }
      )
      | (
        { readonly chunk: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
        & { readonly __typename: 'TaskOutput' }
      )
      | (
        { readonly version: number, readonly at: DateTime, readonly attempt: number, readonly progress: { readonly fraction: number | null, readonly message: string | null } }
        & { readonly __typename: 'TaskProgressed' }
      )
      | (
        { readonly from: TaskStatus | null, readonly to: TaskStatus, readonly version: number, readonly at: DateTime, readonly attempt: number, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
        & { readonly __typename: 'TaskStatusChanged' }
      )
     | null, readonly gap: { readonly reason: GapReason } | null } };

export type RunTaskSubscriptionVariables = Exact<{
  input: RunTaskInput;
  after?: EventCursor | null | undefined;
  only?: ReadonlyArray<TaskEventKind> | TaskEventKind | null | undefined;
}>;


export type RunTaskSubscription = { readonly runTask: { readonly kind: UpdateKind, readonly cursor: EventCursor, readonly task: (
      { readonly resultJson: Json | null, readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    ), readonly event:
      | (
        { readonly version: number, readonly at: DateTime, readonly attempt: number }
        & { readonly __typename: 'TaskCancelRequested' }
      )
      | (
        { readonly level: LogLevel, readonly message: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
        & { readonly __typename: 'TaskLogged' }
      )
      | (
        { readonly chunk: string, readonly version: number, readonly at: DateTime, readonly attempt: number }
        & { readonly __typename: 'TaskOutput' }
      )
      | (
        { readonly version: number, readonly at: DateTime, readonly attempt: number, readonly progress: { readonly fraction: number | null, readonly message: string | null } }
        & { readonly __typename: 'TaskProgressed' }
      )
      | (
        { readonly from: TaskStatus | null, readonly to: TaskStatus, readonly version: number, readonly at: DateTime, readonly attempt: number, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
        & { readonly __typename: 'TaskStatusChanged' }
      )
     | null, readonly gap: { readonly reason: GapReason } | null } };

export type LetWatchMutationVariables = Exact<{
  id: Uuid;
  seconds: number;
}>;


export type LetWatchMutation = { readonly createWatchToken: { readonly token: string | null, readonly errors: ReadonlyArray<(
      { readonly code: ErrorCode, readonly message: string }
      & { readonly __typename: 'NotFound' | 'InvalidArguments' | 'RateLimited' }
    )> } | null };

export type WatchSharedSubscriptionVariables = Exact<{
  id: Uuid;
  after?: EventCursor | null | undefined;
}>;


export type WatchSharedSubscription = { readonly taskUpdated: { readonly kind: UpdateKind, readonly cursor: EventCursor, readonly task: (
      { readonly id: Id, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly resultJson: Json | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    ), readonly event:
      | (
        { readonly version: number }
        & { readonly __typename: 'TaskCancelRequested' | 'TaskLogged' | 'TaskProgressed' | 'TaskStatusChanged' }
      )
      | (
        { readonly chunk: string, readonly version: number }
        & { readonly __typename: 'TaskOutput' }
      )
     | null, readonly gap: { readonly reason: GapReason } | null } };

export type ListTasksQueryVariables = Exact<{
  filter?: TaskFilter | null | undefined;
  first?: number | null | undefined;
}>;


export type ListTasksQuery = { readonly tasks: (
    { readonly eventCursor: EventCursor, readonly nodes: ReadonlyArray<(
      { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly version: number, readonly progress: (
        { readonly fraction: number | null, readonly message: string | null }
        & { readonly __typename: 'TaskProgress' }
      ) | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    )> }
    & { readonly __typename: 'TaskConnection' }
  ) };

export type FollowTasksSubscriptionVariables = Exact<{
  filter?: TaskFilter | null | undefined;
  after?: EventCursor | null | undefined;
}>;


export type FollowTasksSubscription = { readonly tasksUpdated: (
    { readonly kind: UpdateKind, readonly cursor: EventCursor, readonly matches: boolean | null, readonly task: (
      { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly version: number, readonly progress: (
        { readonly fraction: number | null, readonly message: string | null }
        & { readonly __typename: 'TaskProgress' }
      ) | null }
      & { readonly __typename: 'AddNumbersTask' | 'CountPrimesTask' | 'CountWordsTask' | 'FailSometimesTask' | 'GenerateRandomNumberTask' | 'ReverseStringTask' | 'SaveTodoTask' | 'SendMessageTask' | 'TellStoryTask' | 'UnknownTask' | 'WaitTask' }
    ) | null, readonly gap: (
      { readonly reason: GapReason }
      & { readonly __typename: 'Gap' }
    ) | null }
    & { readonly __typename: 'TasksUpdate' }
  ) };

export type ListTaskTypesQueryVariables = Exact<{ [key: string]: never; }>;


export type ListTaskTypesQuery = { readonly taskTypes: ReadonlyArray<{ readonly name: string, readonly inputField: string, readonly objectType: string, readonly description: string }> };

export type AddNumbersTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly value: number } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'AddNumbersTask' }
);

export type CountPrimesTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly count: number, readonly largest: number | null } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'CountPrimesTask' }
);

export type CountWordsTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly words: number, readonly lines: number, readonly mostFrequent: ReadonlyArray<{ readonly word: string, readonly count: number }> } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'CountWordsTask' }
);

export type FailSometimesTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly value: number } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'FailSometimesTask' }
);

export type GenerateRandomNumberTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly number: number } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'GenerateRandomNumberTask' }
);

export type ReverseStringTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly text: string } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'ReverseStringTask' }
);

export type SaveTodoTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly id: BigIntOutput } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'SaveTodoTask' }
);

export type SendMessageTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly messageId: Uuid, readonly recipient: string, readonly sentAt: DateTime } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'SendMessageTask' }
);

export type TellStoryTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly result: { readonly text: string, readonly words: number } | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'TellStoryTask' }
);

export type WaitTaskFieldsFragment = (
  { readonly id: Id, readonly type: string, readonly status: TaskStatus, readonly isFinal: boolean, readonly version: number, readonly cursor: EventCursor, readonly attempt: number, readonly maxAttempts: number, readonly createdAt: DateTime, readonly startedAt: DateTime | null, readonly finishedAt: DateTime | null, readonly progress: { readonly fraction: number | null, readonly message: string | null } | null, readonly failure: { readonly code: FailureCode, readonly message: string } | null }
  & { readonly __typename: 'WaitTask' }
);

/** The text of a document, typed with what it answers and what it asks for. */
export type Document<Result, Variables> = string & DocumentTypeDecoration<Result, Variables>

export const LoginDocument: Document<LoginMutation, LoginMutationVariables> = /* GraphQL */ `
mutation Login($input: LoginInput!) {
  login(input: $input) {
    token
    tokenExpiresAt
    errors {
      __typename
      ... on UserError {
        code
        message
      }
    }
  }
}
`

export const CancelTaskDocument: Document<CancelTaskMutation, CancelTaskMutationVariables> = /* GraphQL */ `
mutation CancelTask($id: ID!) {
  cancelTask(input: {id: $id}) {
    task {
      ...TaskFields
    }
    errors {
      __typename
      ... on UserError {
        code
        message
      }
    }
  }
}

fragment TaskFields on Task {
  __typename
  id
  type
  status
  isFinal
  version
  cursor
  attempt
  maxAttempts
  createdAt
  startedAt
  finishedAt
  progress {
    fraction
    message
  }
  failure {
    code
    message
  }
}
`

export const SubmitTaskDocument: Document<SubmitTaskMutation, SubmitTaskMutationVariables> = /* GraphQL */ `
mutation SubmitTask($input: SubmitTaskInput!, $waitSeconds: Float!) {
  submitTask(input: $input, waitSeconds: $waitSeconds) {
    ...SubmissionFields
    task {
      ...AnyTaskFields
    }
  }
}

fragment SubmissionFields on SubmitTaskPayload {
  deduplicated
  errors {
    __typename
    ... on UserError {
      code
      message
      path
    }
    ... on TooLarge {
      limit
    }
    ... on RateLimited {
      retryAfterSeconds
    }
    ... on QueueFull {
      queue
      limit
    }
    ... on IdempotencyConflict {
      task {
        id
      }
    }
  }
}

fragment AnyTaskFields on Task {
  ...TaskFields
  resultJson
}

fragment TaskFields on Task {
  __typename
  id
  type
  status
  isFinal
  version
  cursor
  attempt
  maxAttempts
  createdAt
  startedAt
  finishedAt
  progress {
    fraction
    message
  }
  failure {
    code
    message
  }
}
`

export const WatchTaskDocument: Document<WatchTaskSubscription, WatchTaskSubscriptionVariables> = /* GraphQL */ `
subscription WatchTask($id: ID!, $after: EventCursor, $only: [TaskEventKind!]) {
  taskUpdated(id: $id, after: $after, only: $only) {
    ...FrameFields
    task {
      ...AnyTaskFields
    }
  }
}

fragment FrameFields on TaskUpdate {
  kind
  cursor
  event {
    ...EventFields
  }
  gap {
    reason
  }
}

fragment EventFields on TaskEvent {
  __typename
  version
  at
  attempt
  ... on TaskStatusChanged {
    from
    to
    failure {
      code
      message
    }
  }
  ... on TaskProgressed {
    progress {
      fraction
      message
    }
  }
  ... on TaskLogged {
    level
    message
  }
  ... on TaskOutput {
    chunk
  }
}

fragment AnyTaskFields on Task {
  ...TaskFields
  resultJson
}

fragment TaskFields on Task {
  __typename
  id
  type
  status
  isFinal
  version
  cursor
  attempt
  maxAttempts
  createdAt
  startedAt
  finishedAt
  progress {
    fraction
    message
  }
  failure {
    code
    message
  }
}
`

export const RunTaskDocument: Document<RunTaskSubscription, RunTaskSubscriptionVariables> = /* GraphQL */ `
subscription RunTask($input: RunTaskInput!, $after: EventCursor, $only: [TaskEventKind!]) {
  runTask(input: $input, after: $after, only: $only) {
    ...FrameFields
    task {
      ...AnyTaskFields
    }
  }
}

fragment FrameFields on TaskUpdate {
  kind
  cursor
  event {
    ...EventFields
  }
  gap {
    reason
  }
}

fragment EventFields on TaskEvent {
  __typename
  version
  at
  attempt
  ... on TaskStatusChanged {
    from
    to
    failure {
      code
      message
    }
  }
  ... on TaskProgressed {
    progress {
      fraction
      message
    }
  }
  ... on TaskLogged {
    level
    message
  }
  ... on TaskOutput {
    chunk
  }
}

fragment AnyTaskFields on Task {
  ...TaskFields
  resultJson
}

fragment TaskFields on Task {
  __typename
  id
  type
  status
  isFinal
  version
  cursor
  attempt
  maxAttempts
  createdAt
  startedAt
  finishedAt
  progress {
    fraction
    message
  }
  failure {
    code
    message
  }
}
`

export const LetWatchDocument: Document<LetWatchMutation, LetWatchMutationVariables> = /* GraphQL */ `
mutation LetWatch($id: ID!, $seconds: Float!) {
  createWatchToken(input: {taskId: $id, expiresInSeconds: $seconds}) {
    token
    errors {
      __typename
      ... on UserError {
        code
        message
      }
    }
  }
}
`

export const WatchSharedDocument: Document<WatchSharedSubscription, WatchSharedSubscriptionVariables> = /* GraphQL */ `
subscription WatchShared($id: ID!, $after: EventCursor) {
  taskUpdated(id: $id, after: $after) {
    kind
    cursor
    task {
      __typename
      id
      status
      isFinal
      version
      progress {
        fraction
        message
      }
      resultJson
    }
    event {
      __typename
      version
      ... on TaskOutput {
        chunk
      }
    }
    gap {
      reason
    }
  }
}
`

export const ListTasksDocument: Document<ListTasksQuery, ListTasksQueryVariables> = /* GraphQL */ `
query ListTasks($filter: TaskFilter, $first: Int) {
  tasks(filter: $filter, first: $first) {
    __typename
    nodes {
      __typename
      id
      type
      status
      version
      progress {
        __typename
        fraction
        message
      }
    }
    eventCursor
  }
}
`

export const FollowTasksDocument: Document<FollowTasksSubscription, FollowTasksSubscriptionVariables> = /* GraphQL */ `
subscription FollowTasks($filter: TaskFilter, $after: EventCursor) {
  tasksUpdated(filter: $filter, after: $after) {
    __typename
    kind
    cursor
    matches
    task {
      __typename
      id
      type
      status
      version
      progress {
        __typename
        fraction
        message
      }
    }
    gap {
      __typename
      reason
    }
  }
}
`

export const ListTaskTypesDocument: Document<ListTaskTypesQuery, ListTaskTypesQueryVariables> = /* GraphQL */ `
query ListTaskTypes {
  taskTypes {
    name
    inputField
    objectType
    description
  }
}
`
