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
    const found = patternOf(template).exec(text)
    if (found) {
      const value = (name) => translated(found.groups[name], values[name] ?? {}, values)
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

/** A template as a regular expression, with a group for each value. A value that occurs again must be the same. */
function patternOf(template) {
  const escaped = template.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
  const grouped = escaped.replace(/\\\{(\w+)\\\}/g, (placeholder, name, at, all) =>
    all.indexOf(placeholder) === at ? `(?<${name}>.*)` : `\\k<${name}>`
  )
  return new RegExp(`^${grouped}$`)
}
