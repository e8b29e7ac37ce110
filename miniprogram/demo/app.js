/** The pages share what stands in services/; the app itself holds nothing. */

App({})
