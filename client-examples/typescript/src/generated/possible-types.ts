// Written by `make codegen`; never edit it.
/** The object types of each interface and union, as the schema had them when this was written. */
export const possibleTypes = {
  AuthError: ['Forbidden', 'InvalidCredentials', 'InvalidRegistration', 'RateLimited'],
  CancelTaskError: ['NotCancellable', 'NotFound'],
  CreateWatchTokenError: ['InvalidArguments', 'NotFound', 'RateLimited'],
  Node: ['AddNumbersTask', 'CountPrimesTask', 'CountWordsTask', 'FailSometimesTask', 'GenerateRandomNumberTask', 'ReverseStringTask', 'SaveTodoTask', 'SendMessageTask', 'TaskType', 'TellStoryTask', 'UnknownTask', 'User', 'WaitTask'],
  RetryTaskError: ['NotFound', 'NotRetryable', 'QueueFull', 'RateLimited'],
  SubmitTaskError: ['Forbidden', 'IdempotencyConflict', 'InvalidArguments', 'QueueFull', 'RateLimited', 'TooLarge'],
  Task: ['AddNumbersTask', 'CountPrimesTask', 'CountWordsTask', 'FailSometimesTask', 'GenerateRandomNumberTask', 'ReverseStringTask', 'SaveTodoTask', 'SendMessageTask', 'TellStoryTask', 'UnknownTask', 'WaitTask'],
  TaskEvent: ['TaskCancelRequested', 'TaskLogged', 'TaskOutput', 'TaskProgressed', 'TaskStatusChanged'],
  UserError: ['Forbidden', 'IdempotencyConflict', 'InvalidArguments', 'InvalidCredentials', 'InvalidRegistration', 'NotCancellable', 'NotFound', 'NotRetryable', 'QueueFull', 'RateLimited', 'TooLarge'],
}
