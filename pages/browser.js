// Comes before Streamlit's own scripts, on every page: what Streamlit's frontend leaves to the browser.

// Back and Forward. Streamlit makes an entry of the history for every change of the address. Here, an entry is what
// the visitor has set by one act: an address that the page corrects by itself, and every step of a key that is held
// down, replace the present entry.
{
  const { pushState: push, replaceState: replace } = history
  let acted = false // since the latest change of the address
  let made = null // the parameters that the present entry has changed; null for that of a visit to a page
  let before = null // the address before the latest change within a page, and whether that change made an entry
  for (const kind of ["pointerdown", "keydown", "click"])
    addEventListener(kind, event => (acted ||= !event.repeat), { capture: true, passive: true })
  addEventListener("popstate", () => ([acted, made, before] = [false, null, null]), { capture: true })

  const changed = (from, to) =>
    [...new Set([...from.keys(), ...to.keys()])].filter(name => from.get(name) !== to.get(name)).sort().join()

  history.pushState = function (state, title, address) {
    const to = new URL(address, location)
    if (to.pathname === location.pathname) {
      const names = changed(new URLSearchParams(location.search), to.searchParams)
      const same = !acted && (made === null || made === names)
      before = { address: location.href, entry: !same }
      if (!same) made = names
      ;(same ? replace : push).call(history, state, title, address)
    } else {
      // Streamlit may write the settings of the new page before its path: into an address of the page before.
      const misplaced = before && !acted && to.search === location.search
      if (misplaced && !before.entry) replace.call(history, state, title, before.address)
      ;(misplaced && before.entry ? replace : push).call(history, state, title, address)
      ;[made, before] = [null, null]
    }
    acted = false
  }
}

// Translation. A browser's translator puts <font> elements in the places of texts. React goes on writing into the
// texts that are gone, where nobody sees it, and fails when it removes one. Each text comes back when React needs it;
// the translator then sees a new text.
{
  const places = new WeakMap() // a text that was replaced -> the <font> in its place
  new MutationObserver(changes => {
    for (const { removedNodes, addedNodes, previousSibling, nextSibling } of changes)
      for (const text of removedNodes) {
        if (text.nodeType !== Node.TEXT_NODE) continue
        const font = [...addedNodes, previousSibling, nextSibling].find(each => each?.nodeName === "FONT")
        if (font) places.set(text, font)
      }
  }).observe(document, { childList: true, subtree: true })

  const bringBack = node => {
    if (node?.nodeType === Node.TEXT_NODE && !node.parentNode) places.get(node)?.replaceWith(node)
  }
  const { removeChild, insertBefore } = Node.prototype
  Node.prototype.removeChild = function (child) {
    bringBack(child)
    return child?.parentNode === this || !(child instanceof Node) ? removeChild.call(this, child) : child
  }
  Node.prototype.insertBefore = function (child, next) {
    bringBack(next)
    return insertBefore.call(this, child, next?.parentNode === this ? next : null)
  }
  const value = Object.getOwnPropertyDescriptor(Node.prototype, "nodeValue")
  Object.defineProperty(Node.prototype, "nodeValue", {
    ...value,
    set(text) {
      bringBack(this)
      value.set.call(this, text)
    },
  })
}

// The buttons that copy. Over plain http, browsers have the old way only.
if (!navigator.clipboard) {
  const writeText = async text => {
    const field = document.createElement("textarea")
    field.value = text
    const focused = document.activeElement
    ;(focused?.parentElement ?? document.body).append(field) // a dialog takes the focus away from fields outside of it
    field.select()
    const copied = document.execCommand("copy")
    field.remove()
    focused?.focus({ preventScroll: true })
    if (!copied) throw new DOMException("the browser does not copy", "NotAllowedError")
  }
  Object.defineProperty(navigator, "clipboard", { value: { writeText } })
}
