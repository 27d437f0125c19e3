variable "shared_secret_mappings" {
  default = {
    # Database service
    "MY_APP__DB_SERVICE__KEY" = "SHARED__DB_SERVICE__KEY"
    "MY_APP__DB_SERVICE__URL" = "SHARED__DB_SERVICE__URL"

    # Third-party integrations
    "VENDOR_A_API_KEY" = "SHARED__INTEGRATIONS__VENDOR_A_API_KEY"
    "VENDOR_B_API_KEY" = "SHARED__INTEGRATIONS__VENDOR_B_API_KEY"
    "VENDOR_C_API_KEY" = "SHARED__INTEGRATIONS__VENDOR_C_API_KEY"

    # Cloud services
    "CLOUD_SERVICE_ACCOUNT_JSON" = "SHARED__INTEGRATIONS__CLOUD_SERVICE_ACCOUNT_JSON"
    "CLOUD_PROJECT_ID"           = "SHARED__INTEGRATIONS__CLOUD_PROJECT_ID"
    "CLOUD_REGION"               = "SHARED__INTEGRATIONS__CLOUD_REGION"

    # Backend API Client
    "MY_APP__AUTH_SERVICE__HANDSHAKE_KEY" = "SHARED__BACKEND_API_CLIENT__HANDSHAKE_KEY"
  }
}

variable "worker_secret_mappings" {
  default = {
    "MY_APP__LOGGING__LOG_API_KEY"     = "WORKER__LOGGING__LOG_API_KEY"
    "MY_APP__OTEL__ENABLED"            = "WORKER__OTEL__ENABLED"
    "MY_APP__OTEL__ENVIRONMENT"        = "WORKER__OTEL__ENVIRONMENT"
    "MY_APP__OTEL__OTEL_ENDPOINT"      = "WORKER__OTEL__OTEL_ENDPOINT"
    "MY_APP__OTEL__OTEL_INGESTION_KEY" = "WORKER__OTEL__OTEL_INGESTION_KEY"
  }
}

variable "api_internal_secret_mappings" {
  default = {
    "MY_APP__DB_SERVICE__URL" = "MY_APP__AUTH_SERVICE__DB_URL"
    "MY_APP__DB_SERVICE__KEY" = "MY_APP__AUTH_SERVICE__DB_SECRET_KEY"
    "MY_APP__DB_ANON__KEY"    = "MY_APP__AUTH_SERVICE__DB_PUBLISHABLE_KEY"
  }
}

variable "frontend_secret_mappings" {
  default = {
    "MY_APP__DB_SERVICE__URL"             = "NEXT_PUBLIC_DB_URL"
    "MY_APP__DB_ANON__KEY"                = "NEXT_PUBLIC_DB_ANON_KEY"
    "MY_APP__AUTH_SERVICE__HANDSHAKE_KEY" = "API_HANDSHAKE_KEY"
    "VENDOR_A_API_KEY"                    = "VENDOR_A_API_KEY"
    "VENDOR_B_API_KEY"                    = "VENDOR_B_API_KEY"
  }
}

variable "artifacts_secret_mappings" {
  default = {
    # S3
    "S3_AWS_ACCESS_KEY_ID"     = "SHARED__S3__AWS_ACCESS_KEY_ID"
    "S3_AWS_SECRET_ACCESS_KEY" = "SHARED__S3__AWS_SECRET_ACCESS_KEY"
    "S3_AWS_REGION"            = "SHARED__S3__AWS_REGION"
    "S3_AWS_S3_BUCKET"         = "SHARED__S3__AWS_S3_BUCKET"
  }
}

variable "environment" {
  type = string
}

variable "region" {
  default = "us-east-1"
}

variable "environment_secrets" {
  type      = map(string)
  sensitive = true
}

variable "worker_b_secrets" {
  type      = map(string)
  sensitive = true
  default   = {}
}

variable "platform_secrets" {
  type      = object({ VERCEL_TOKEN = string, VERCEL_ORG_ID = string, VERCEL_PROJECT_ID = string })
  sensitive = true
}
