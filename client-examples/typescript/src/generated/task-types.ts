// Written by `make codegen`; never edit it.
import * as graphql from './graphql.js'

/** The task types, by their names in TaskInput: what goes in, and the task that comes out. */
export interface TaskTypes {
  addNumbers: { input: graphql.AddNumbersInput; task: graphql.AddNumbersTaskFieldsFragment }
  countPrimes: { input: graphql.CountPrimesInput; task: graphql.CountPrimesTaskFieldsFragment }
  countWords: { input: graphql.CountWordsInput; task: graphql.CountWordsTaskFieldsFragment }
  failSometimes: { input: graphql.FailSometimesInput; task: graphql.FailSometimesTaskFieldsFragment }
  generateRandomNumber: { input: graphql.GenerateRandomNumberInput; task: graphql.GenerateRandomNumberTaskFieldsFragment }
  reverseString: { input: graphql.ReverseStringInput; task: graphql.ReverseStringTaskFieldsFragment }
  saveTodo: { input: graphql.SaveTodoInput; task: graphql.SaveTodoTaskFieldsFragment }
  sendMessage: { input: graphql.SendMessageInput; task: graphql.SendMessageTaskFieldsFragment }
  tellStory: { input: graphql.TellStoryInput; task: graphql.TellStoryTaskFieldsFragment }
  wait: { input: graphql.WaitInput; task: graphql.WaitTaskFieldsFragment }
}

/** Each task type's object type, and what selects its result. */
export const taskTypes: {
  readonly [K in keyof TaskTypes]: { objectType: TaskTypes[K]['task']['__typename']; result: string }
} = {
  addNumbers: { objectType: 'AddNumbersTask', result: 'result { value }' },
  countPrimes: { objectType: 'CountPrimesTask', result: 'result { count largest }' },
  countWords: { objectType: 'CountWordsTask', result: 'result { words lines mostFrequent { word count } }' },
  failSometimes: { objectType: 'FailSometimesTask', result: 'result { value }' },
  generateRandomNumber: { objectType: 'GenerateRandomNumberTask', result: 'result { number }' },
  reverseString: { objectType: 'ReverseStringTask', result: 'result { text }' },
  saveTodo: { objectType: 'SaveTodoTask', result: 'result { id }' },
  sendMessage: { objectType: 'SendMessageTask', result: 'result { messageId recipient sentAt }' },
  tellStory: { objectType: 'TellStoryTask', result: 'result { text words }' },
  wait: { objectType: 'WaitTask', result: '' },
}
