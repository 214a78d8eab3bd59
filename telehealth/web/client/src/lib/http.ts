/** JSON over our own API, with the session cookie. Everything that is not a success is thrown as `Refused`. */

import { problemOf, Refused, UNREACHABLE } from "./problem";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Send and read JSON. An answer without a body gives `undefined`. */
export async function api<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const response = await reach(path, init);
  if (!response.ok) throw new Refused(await problemOf(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(UNREACHABLE);
  }
}

/** Try again after passing trouble, waiting longer each time; refusals with a reason are thrown at once. */
export async function persist<T>(act: () => Promise<T>, waits = [500, 2000, 5000, 15000]): Promise<T> {
  for (const wait of waits) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Refused && error.passing)) throw error;
      await new Promise((done) => setTimeout(done, wait));
    }
  }
  return act();
}
