/** The one rule about where plain http is allowed, for broker, agent and operator's tool alike: this machine only. */

/** Whether a URL's host name is this machine's own: 127.0.0.0/8, ::1 or localhost. */
export const isLoopback = (hostname: string): boolean =>
  /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/.test(hostname);
