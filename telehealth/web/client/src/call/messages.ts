/** Made from signaling/messages.py by `python -m signaling.typescript`: do not edit. */

export type Hello = {
  kind: "hello";
  ticket: string;
  line: string | null;
};

export type Admit = {
  kind: "admit";
  account: string;
};

export type Deny = {
  kind: "deny";
  account: string;
};

export type Describe = {
  kind: "describe";
  to: string;
  type: "offer" | "answer" | "pranswer" | "rollback";
  sdp: string;
};

export type Candidate = {
  kind: "candidate";
  to: string;
  candidate: string;
  mid: string | null;
  index: number | null;
  fragment: string | null;
};

export type Devices = {
  kind: "devices";
  microphone: boolean;
  camera: boolean;
};

export type Media = {
  kind: "media";
  connected: boolean;
};

export type Say = {
  kind: "say";
  text: string;
};

export type Leave = {
  kind: "leave";
};

export type End = {
  kind: "end";
};

export type Pong = {
  kind: "pong";
};

export type Line = {
  account: string;
  name: string;
  text: string;
  at: string;
};

export type SeatFacts = {
  account: string;
  name: string;
  role: "host" | "patient" | "guest";
  line: string;
  admitted: boolean;
  present: boolean;
  microphone: boolean;
  camera: boolean;
};

export type Welcome = {
  kind: "welcome";
  account: string;
  role: "host" | "patient" | "guest";
  line: string;
  resumed: boolean;
  chat: Line[];
};

export type RoomFacts = {
  kind: "room";
  admitted: boolean;
  place: number;
  host_here: boolean;
  seats: SeatFacts[];
};

export type Described = {
  kind: "described";
  sender: string;
  type: "offer" | "answer" | "pranswer" | "rollback";
  sdp: string;
};

export type Candidated = {
  kind: "candidated";
  sender: string;
  candidate: string;
  mid: string | null;
  index: number | null;
  fragment: string | null;
};

export type Said = {
  kind: "said";
  line: Line;
};

export type Refused = {
  kind: "refused";
  reason: "not_admitted" | "not_host" | "nobody_there" | "full";
};

export type Goodbye = {
  kind: "goodbye";
  reason: "ended" | "denied" | "hung_up" | "replaced";
};

export type Ping = {
  kind: "ping";
};

export type PageFrame = {
  number: number;
  seen: number;
  message: FromPage;
};

export type RoomFrame = {
  number: number;
  seen: number;
  message: FromRoom;
};

export type FromPage = Hello | Admit | Deny | Describe | Candidate | Devices | Media | Say | Leave | End | Pong;

export type FromRoom = Welcome | RoomFacts | Described | Candidated | Said | Refused | Goodbye | Ping;

export const CHAT_CHARACTERS = 2000;
