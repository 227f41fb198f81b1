// A plugin of graphql-codegen: each operation as a string that knows its types, in place of the preset's own plugin, which
// wraps it into an object by way of `any`.
import { Kind, print, visit } from 'graphql'

export const documentsPlugin = {
  plugin(_schema, sources) {
    const definitions = sources.flatMap(({ document }) => document.definitions)
    const fragments = new Map(definitions.filter(isFragment).map((fragment) => [fragment.name.value, fragment]))
    const documents = definitions
      .filter((definition) => !isFragment(definition))
      .map((definition) => {
        const name = definition.name.value
        const result = name + definition.operation[0].toUpperCase() + definition.operation.slice(1)
        const text = [definition, ...spreadIn(definition, fragments)].map(print).join('\n\n')
        return `export const ${name}Document: Document<${result}, ${result}Variables> = /* GraphQL */ \`\n${text}\n\``
      })
    return {
      prepend: ["import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core'"],
      content: [
        '/** The text of a document, typed with what it answers and what it asks for. */',
        'export type Document<Result, Variables> = string & DocumentTypeDecoration<Result, Variables>',
        '',
        documents.join('\n\n'),
      ].join('\n'),
    }
  },
}

const isFragment = (definition) => definition.kind === Kind.FRAGMENT_DEFINITION

/** The fragments that a definition spreads, and those that they spread, each once. */
function spreadIn(definition, fragments, found = new Set()) {
  visit(definition, {
    FragmentSpread({ name }) {
      const fragment = fragments.get(name.value)
      if (found.has(fragment)) return
      found.add(fragment)
      spreadIn(fragment, fragments, found)
    },
  })
  return found
}
