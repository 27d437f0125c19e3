variable "environment" {
  type = string
}

variable "region" {
  type = string
}

variable "service" {
  type = string
}

variable "api_secrets" {
  type      = map(string)
  sensitive = true
}

variable "secret_mappings" {
  type = map(string)
}

variable "daemon_only_secrets" {
  type      = map(string)
  sensitive = true
  default   = {}
}

locals {
  mapped_secrets = {
    for api_key, daemon_key in var.secret_mappings :
    daemon_key => lookup(var.api_secrets, api_key, null)
    if lookup(var.api_secrets, api_key, null) != null
  }

  combined_secrets = merge(
    local.mapped_secrets,
    var.daemon_only_secrets
  )

  final_secrets = merge(
    local.combined_secrets,
    {
      "SHARED__BACKEND_API_CLIENT__BASE_URL" = (var.environment == "dev"
        ? "https://api-dev.example.com"
      : "https://api.example.com")
      "WORKER__SQS_CLIENT__AWS_REGION" = var.region
      "WORKER__OTEL__SERVICE_NAME"     = var.service
    }
  )
}

output "secrets" {
  value     = local.final_secrets
  sensitive = true
}
