"""What schemathesis has to be told of NDJSON: one JSON object is a body of one line."""

import schemathesis

from tocsin.web.ndjson import MEDIA_TYPES

schemathesis.serializer.alias(list(MEDIA_TYPES), "application/json")
