// What is made for each task type of the schema: a fragment with its result, and a line in the map of task types.
import { getNamedType, isAbstractType, isObjectType } from 'graphql'

/** Each task type: its field in TaskInput, its object type and its input type. */
function taskTypesOf(schema) {
  return Object.values(schema.getType('TaskInput').getFields()).map(({ name, type }) => {
    const input = getNamedType(type).name
    return { name, input, objectType: input.replace(/Input$/, 'Task') }
  })
}

/** A fragment for each task type: what every task has, and the type's own result. */
export function fragmentsOf(schema) {
  const fragments = taskTypesOf(schema).map(
    ({ objectType }) => `fragment ${objectType}Fields on ${objectType} { ...TaskFields ${resultOf(schema, objectType)} }`,
  )
  return fragments.join('\n')
}

/** The selection of a task type's result to its last leaf; empty where it has none. */
function resultOf(schema, objectType) {
  const { result } = schema.getType(objectType).getFields()
  return result ? `result ${selection(result.type)}` : ''
}

/** All fields of a type, and theirs; a type within itself is left out, since a selection must end. */
function selection(type, within = []) {
  const named = getNamedType(type)
  if (!isObjectType(named)) return ''
  const inner = [...within, named]
  const fields = Object.values(named.getFields()).filter((field) => !inner.includes(getNamedType(field.type)))
  return `{ ${fields.map((field) => `${field.name} ${selection(field.type, inner)}`).join(' ')} }`
}

/** A plugin of graphql-codegen: the map from a task type's name to what goes in and what comes out. */
export const taskTypesPlugin = {
  plugin(schema) {
    const types = taskTypesOf(schema)
    const typed = types.map(({ name, input, objectType }) => {
      return `  ${name}: { input: graphql.${input}; task: graphql.${objectType}FieldsFragment }`
    })
    const selected = types.map(({ name, objectType }) => {
      const result = resultOf(schema, objectType).replaceAll(/ +/g, ' ')
      return `  ${name}: { objectType: '${objectType}', result: '${result}' },`
    })
    return `import * as graphql from './graphql.js'

/** The task types, by their names in TaskInput: what goes in, and the task that comes out. */
export interface TaskTypes {
${typed.join('\n')}
}

/** Each task type's object type, and what selects its result. */
export const taskTypes: {
  readonly [K in keyof TaskTypes]: { objectType: TaskTypes[K]['task']['__typename']; result: string }
} = {
${selected.join('\n')}
}
`
  },
}

/** A plugin of graphql-codegen: the object types of each interface and union, for the caches. */
export const possibleTypesPlugin = {
  plugin(schema) {
    const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType)
    const lines = abstract.map((type) => {
      const names = schema.getPossibleTypes(type).map(({ name }) => name)
      return `  ${type.name}: [${names.sort().map((name) => `'${name}'`).join(', ')}],`
    })
    return `/** The object types of each interface and union, as the schema had them when this was written. */
export const possibleTypes = {
${lines.join('\n')}
}
`
  },
}
