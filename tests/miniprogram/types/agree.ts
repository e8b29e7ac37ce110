/** The declarations are those of the code: each is assigned to the other. */

import type { Client as Declared, createClient as declared } from '../../../miniprogram/myapi/index'
import { createClient as written, type Client as Written } from '../../../miniprogram/myapi/client'
import { ApiError as WrittenError } from '../../../miniprogram/myapi/errors'
import type { ApiError as DeclaredError } from '../../../miniprogram/myapi/index'

type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
const equal = <A, B>(_are: Equal<A, B>) => undefined

const create: typeof declared = written
create({ baseUrl: 'https://api.example.com' })

equal<keyof Declared, keyof Written>(true)
equal<keyof DeclaredError, keyof WrittenError>(true)

/** The parameters of all but the generic calls are the same. */
type Plain = Exclude<keyof Declared, 'get' | 'post' | 'put' | 'delete' | 'upload' | 'decrypt'>
type Calls<T> = { [K in Plain & keyof T]: T[K] }
const back = (api: Calls<Declared>): Calls<Written> => api
back(written({ baseUrl: 'https://api.example.com' }))
const error = (told: DeclaredError): Omit<WrittenError, never> => told
void error
