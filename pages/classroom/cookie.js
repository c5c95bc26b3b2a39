// The browser's half of cookie.py.

export default function (component) {
  const { name, value, seconds } = component.data
  const secure = location.protocol === "https:" ? "; Secure" : ""
  document.cookie = `${name}=${value}; Path=/; Max-Age=${seconds}; SameSite=Strict${secure}`
}
