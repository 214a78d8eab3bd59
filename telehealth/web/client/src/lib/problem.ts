/** What our server says when it refuses: problem details (RFC 9457). */

export type Problem = { type: string; title: string; status: number; detail?: string; [fact: string]: unknown };

/** A refusal with its reason, or a network that did not answer (`status` 0). */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
    this.name = "Refused";
  }

  get status(): number {
    return this.problem.status;
  }

  /** The tail of the type URI: "conflict", "not-found". */
  get code(): string {
    return this.problem.type.split("/").pop() ?? "";
  }

  /** Whether trying the same again may help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const UNREACHABLE: Problem = { type: "/problems/unreachable", title: "No connection", status: 0 };

export async function problemOf(response: Response): Promise<Problem> {
  const plain = { type: "/problems/error", title: response.statusText || "Error", status: response.status };
  if (!(response.headers.get("content-type") ?? "").includes("json")) return plain;
  try {
    return { ...plain, ...((await response.json()) as Partial<Problem>) };
  } catch {
    return plain;
  }
}
