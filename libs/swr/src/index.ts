export { CATEGORIES, type Category, DEFAULT_CATEGORY, parseCategory } from './category.js';
export {
  SWR_ERRORS,
  SwrError,
  type SwrErrorBody,
  swrErrorBody,
  type SwrErrorName,
  type SwrErrorWire,
} from './errors.js';
export { parseWireId, wireId } from './ids.js';
export { contentRange, listParameters, orderOf, type OrderDirection, type Page, pageOf } from './list-query.js';
export { parseNewOrganisation, parseNewRepository, repositoryInPath } from './names.js';
export {
  isSignedBy,
  parseRequestSignature,
  type RequestSignature,
  type SignableRequest,
  signingDate,
  signString,
  stringsToSign,
} from './request-signature.js';
export { formatDeadline, formatTimestamp, parseDeadline } from './timestamps.js';
