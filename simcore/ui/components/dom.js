// What all components share; simcore/ui/components.py puts it before each of them.
// Text of users reaches the page through textContent and attributes only, never through innerHTML.

const make = (tag, className, text) => {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined && text !== null && text !== "") node.textContent = text
  return node
}
