/**
 * The types of the client. `tests/miniprogram/types` compares them with the code.
 *
 * The answers of a team's own routes are named at the call, `api.get<Note[]>('/api/notes')`, or
 * come from the description of the server: `node types.js http://127.0.0.1:8000/openapi.json`
 * writes them into `MyapiRoutes`.
 */

declare global {
  /** Routes by `METHOD /path/{id}`, filled by the file that types.js writes. */
  interface MyapiRoutes {}
}

/** A promise that can be called off: it rejects as `aborted` and is not sent again. */
export type Call<T> = Promise<T> & { abort(): void }

/** Stands for a type that the caller does not name. */
declare const UNNAMED: unique symbol
type Unnamed = typeof UNNAMED

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
type Segment<P, R> = R extends `{${string}}` ? true : P extends R ? true : false
type Fits<P, R> = R extends `${infer RHead}/${infer RTail}`
  ? P extends `${infer PHead}/${infer PTail}`
    ? Segment<PHead, RHead> extends true
      ? Fits<PTail, RTail>
      : false
    : false
  : P extends `${string}/${string}`
    ? false
    : Segment<P, R>
type Bare<P> = P extends `${infer Path}?${string}` ? Path : P
/** The route of a path: the one that is spelt so, else the one whose parameters fit. */
type RouteOf<M extends Method, P extends string> = string extends P
  ? never
  : `${M} ${Bare<P>}` extends keyof MyapiRoutes
    ? MyapiRoutes[`${M} ${Bare<P>}`]
    : {
        [K in keyof MyapiRoutes]: K extends `${M} ${infer R}`
          ? Fits<Bare<P>, R> extends true
            ? MyapiRoutes[K]
            : never
          : never
      }[keyof MyapiRoutes]
/** The type alone: what is passed says nothing about it. (NoInfer of TypeScript 5.4, for older ones) */
type Only<T> = [T][T extends any ? 0 : never]
type Named<T, Otherwise> = [T] extends [Unnamed] ? Otherwise : Only<T>
type InOf<R> = [R] extends [never] ? any : R extends { in: infer In } ? In : never
type OutOf<R> = [R] extends [never] ? any : R extends { out: infer Out } ? Out : never
/** `data` may be left out where the route takes none, or needs none. */
type Rest<In> = [In] extends [never]
  ? [data?: undefined, options?: Options]
  : {} extends In
    ? [data?: In, options?: Options]
    : [data: In, options?: Options]

export interface Options {
  /** false: send no token and need no login */
  auth?: boolean
  /** whether it may be sent again when nobody knows whether it arrived; true for all but POST */
  idempotent?: boolean
  /** ms for one sending */
  timeout?: number
  /** `Authorization` and `Content-Type` are not taken */
  header?: { [name: string]: string }
}

export interface UploadOptions extends Options {
  /** the field of the file, `file` unless told */
  name?: string
  /** the other fields of the form */
  formData?: { [name: string]: any }
  /** told 0 to 100, from the beginning again when the file is sent again */
  onProgress?: (percent: number) => void
}

export interface DownloadOptions extends Omit<Options, 'idempotent'> {
  onProgress?: (percent: number) => void
}

export interface Settings {
  /** such as https://api.example.com */
  baseUrl: string
  /** an object with the functions of `wx`, which it is unless told */
  platform?: Platform
  /** ms for one sending of a request, 15000 unless told */
  timeout?: number
  /** for tests */
  timers?: Timers
}

export interface Platform {
  request(options: any): any
  login(options: any): any
  getStorageSync(key: string): any
  setStorageSync(key: string, value: any): any
  removeStorageSync(key: string): any
  uploadFile?(options: any): any
  downloadFile?(options: any): any
  getFileSystemManager?(): any
  requestSubscribeMessage?(options: any): any
  onAppShow?(listener: (...told: any[]) => void): any
  onAppHide?(listener: (...told: any[]) => void): any
  onNetworkStatusChange?(listener: (told: any) => void): any
}

export interface Timers {
  now(): number
  random(): number
  setTimeout(action: () => void, ms: number): any
  clearTimeout(timer: any): void
}

export interface User {
  id: string
  nickname: string | null
  avatar_url: string | null
  /** masked, such as 138******00 */
  phone: string | null
  /** such as 2026-08-01T12:00:00Z */
  created_at: string
}

/** A device on which the user is logged in. */
export interface SessionRow {
  id: string
  created_at: string
  last_seen_at: string | null
  ip: string
  user_agent: string
  /** whether it is this one */
  current: boolean
}

export interface Notified {
  /** the templates that the user permits */
  accepted: string[]
  /** what WeChat's dialog gave, by template: `accept`, `reject`, `ban`, `filter` */
  results: { [templateId: string]: string }
  /** how many messages may still be sent, by template; null: the server will be told later */
  left: { [templateId: string]: number } | null
}

export interface HookRequest {
  /** one number for each call of the app */
  readonly id: number
  readonly method: string
  readonly path: string
  /** 1 for the first sending */
  readonly attempt: number
  /** what the hook writes into it is sent too */
  header: { [name: string]: string }
}

export interface HookResponse {
  readonly id: number
  readonly method: string
  readonly path: string
  readonly attempt: number
  /** 0: no answer came */
  readonly status: number
  /** '' or the name of the error */
  readonly error: string
  /** under which the server's log knows the request */
  readonly requestId: string
  readonly ms: number
}

export interface Client {
  /** @param data becomes the query */
  get<Out = Unnamed, P extends string = string>(
    path: P,
    ...rest: Rest<InOf<RouteOf<'GET', P>>>
  ): Call<Named<Out, OutOf<RouteOf<'GET', P>>>>
  post<In = Unnamed, Out = Unnamed, P extends string = string>(
    path: P,
    ...rest: Rest<Named<In, InOf<RouteOf<'POST', P>>>>
  ): Call<Named<Out, OutOf<RouteOf<'POST', P>>>>
  put<In = Unnamed, Out = Unnamed, P extends string = string>(
    path: P,
    ...rest: Rest<Named<In, InOf<RouteOf<'PUT', P>>>>
  ): Call<Named<Out, OutOf<RouteOf<'PUT', P>>>>
  delete<Out = Unnamed, P extends string = string>(
    path: P,
    ...rest: Rest<InOf<RouteOf<'DELETE', P>>>
  ): Call<Named<Out, OutOf<RouteOf<'DELETE', P>>>>
  /** Send a file as a form. It goes again only where the server did nothing, or with idempotent. */
  upload<Out = Unnamed, P extends string = string>(
    path: P,
    filePath: string,
    options?: UploadOptions
  ): Call<Named<Out, OutOf<RouteOf<'POST', P>>>>
  /** Get a file; the phone deletes it at some time. */
  download(path: string, options?: DownloadOptions): Call<{ tempFilePath: string }>
  /** Be told before each sending. @returns takes the hook away */
  onRequest(hook: (request: HookRequest) => void): () => void
  /** Be told after each sending. @returns takes the hook away */
  onResponse(hook: (response: HookResponse) => void): () => void
  /** Who is signed in; logs in if needed. fresh: call wx.login in any case. */
  login(options?: { fresh?: boolean }): Promise<User>
  /** End this session, here at once. A failure means that the server may not know yet. */
  logout(): Promise<null>
  /** Erase the account for good. It never logs in: signed out, it fails. */
  erase(): Promise<null>
  me(): Call<User>
  sessions(): Call<SessionRow[]>
  /** @param detail `e.detail` of the button `open-type="getPhoneNumber"` */
  phone(detail: { code?: string; errno?: number; errMsg?: string }): Call<User>
  removePhone(): Call<User>
  /** @param tempFilePath `e.detail.avatarUrl` of the button `open-type="chooseAvatar"` */
  uploadAvatar(
    tempFilePath: string,
    options?: { onProgress?: (percent: number) => void; timeout?: number }
  ): Call<User>
  removeAvatar(): Call<User>
  /** Call it first of all in the handler of a tap. @param templateIds one to three */
  askToNotify(templateIds: string[]): Promise<Notified>
  /** How many messages may still be sent, by template. */
  permissions(): Promise<{ [templateId: string]: number }>
  /** @param detail such as `e.detail` of a button */
  decrypt<Plain = any>(detail: {
    encryptedData?: string
    iv?: string
    rawData?: string
    signature?: string
  }): Call<Plain>
}

/** One client for an app: two would log in twice. */
export function createClient(settings: Settings): Client

/** The errors of the server and of the client; an app's server may have more. */
export type ErrorName =
  | 'invalid_request'
  | 'login_code_invalid'
  | 'decrypt_failed'
  | 'phone_code_invalid'
  | 'content_risky'
  | 'picture_invalid'
  | 'message_invalid'
  | 'token_missing'
  | 'token_invalid'
  | 'session_ended'
  | 'user_banned'
  | 'wechat_blocked_user'
  | 'development_only'
  | 'https_required'
  | 'not_found'
  | 'method_not_allowed'
  | 'session_key_missing'
  | 'message_not_permitted'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'internal_error'
  | 'wechat_misconfigured'
  | 'wechat_unavailable'
  | 'service_unavailable'
  | 'wechat_timeout'
  | 'signed_out'
  | 'network'
  | 'timeout'
  | 'interrupted'
  | 'domain_not_listed'
  | 'bad_url'
  | 'tls'
  | 'too_many_redirects'
  | 'too_many_tasks'
  | 'request_failed'
  | 'login_blocked'
  | 'bad_answer'
  | 'no_encrypted_data'
  | 'phone_refused'
  | 'phone_unavailable'
  | 'picture_missing'
  | 'messages_refused'
  | 'messages_off'
  | 'template_invalid'
  | 'messages_unavailable'
  | 'aborted'
  | 'file_missing'
  | 'download_failed'

export interface FieldError {
  /** its path, such as items[2].name; empty: the body as a whole */
  field: string
  rule: string
  /** what the rule asks for */
  limit: number | string | (number | string)[] | null
  didYouMean: string
  msg: string
  en: string
  zh: string
}

/** How a call failed: decide by `error` and `code`; show `zh` or `en`. */
export class ApiError extends Error {
  constructor(
    error: string,
    told?: {
      status?: number
      code?: number
      errno?: number
      requestId?: string
      msg?: string
      retryAfter?: number
      symptom?: string
      fields?: FieldError[]
    }
  )
  error: ErrorName | (string & {})
  code: number
  /** the HTTP status; 0: no answer came */
  status: number
  /** the phone's number where no answer came, otherwise 0 */
  errno: number
  requestId: string
  /** what the server said, in the language of the phone */
  msg: string
  /** seconds to wait; 0: the server says none */
  retryAfter: number
  fields: FieldError[]
  en: string
  zh: string
  /** for the developer: `python3 -m doctor --explain` finds the causes */
  symptom: { en: string; zh: string } | null
}

export const ERRORS: {
  [name: string]: { status: number; code: number; en: string; zh: string }
}
