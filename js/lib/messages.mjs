/**
 * The server's English messages in the language of the page. locales/<language>/main.json has the translations:
 * `messages`, by English templates with {values}, and `values`, translations of a value by its name. So the kind of a
 * file is translated, but never its name, even if it reads like a kind.
 */

const ERROR = "Error: "
const PLACEHOLDER = /\{(\w+)\}/g

/** The server marks the text of an error by its first word. */
export const isError = (text) => text.startsWith(ERROR)

/** @returns {string} the text, line by line; a line without a translation stays as it is */
export function translate(text, { error, messages, values }) {
  if (isError(text)) return error + translated(text.slice(ERROR.length), messages, values)
  const lines = text.split("\n")
  return lines.map((line) => translated(line, messages, values)).join("\n")
}

function translated(text, templates, values) {
  for (const template of mostSpecificFirst(Object.keys(templates))) {
    const found = valuesIn(text, template)
    if (found) {
      const value = (name) => translated(found[name], values[name] ?? {}, values)
      return templates[template].replace(PLACEHOLDER, (_, name) => value(name))
    }
  }
  return text
}

/** A short template such as "{family} for {base}." also fits parts of longer ones. */
function mostSpecificFirst(templates) {
  const length = (template) => template.replace(PLACEHOLDER, "").length
  return templates.sort((one, other) => length(other) - length(one))
}

/**
 * The values of a template that a text was made from, by name; null if it was not. A value that occurs again must be the
 * same. Each text between values is looked for from the end, once: a regular expression would try every combination.
 */
function valuesIn(text, template) {
  const parts = template.split(PLACEHOLDER) // a text, a name, a text, and so on
  const values = {}
  let end = text.length
  for (let index = parts.length - 1; index >= 0; index -= 2) {
    const last = end - parts[index].length
    const start = index === 0 ? 0 : index === parts.length - 1 ? last : text.lastIndexOf(parts[index], last)
    if (last < 0 || start < 0 || !text.startsWith(parts[index], start)) return null
    const name = parts[index + 1]
    if (name === undefined && start !== last) return null
    if (name !== undefined) {
      const value = text.slice(start + parts[index].length, end)
      if ((values[name] ?? value) !== value) return null
      values[name] = value
    }
    end = start
  }
  return values
}
