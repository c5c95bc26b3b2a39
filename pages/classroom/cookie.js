// The browser's half of cookie.py.

const told = new WeakSet() // elements that have told the page of a refusal, which makes it run again

export default function (component) {
  const { name, value, seconds } = component.data
  const path = location.pathname.replace(/[^/]*$/, "") // where the app lives, which may be below another site's top
  // In another site's frame, a browser takes only a cookie that belongs to that site and this one together.
  const framed = self !== top
  const secure = location.protocol === "https:" || (framed && isSecureContext)
  const where = framed ? "SameSite=None; Partitioned" : "SameSite=Strict"
  document.cookie = `${name}=${value}; Path=${path}; Max-Age=${seconds}; ${where}${secure ? "; Secure" : ""}`
  if (document.cookie.split("; ").includes(`${name}=${value}`) || told.has(component.parentElement)) return
  told.add(component.parentElement)
  component.setStateValue("refused", true)
}
