locals {
  mapped_shared_secrets = {
    for api_key, shared_key in var.shared_secret_mappings :
    shared_key => lookup(var.environment_secrets, api_key, null)
    if lookup(var.environment_secrets, api_key, null) != null
  }
 
  mapped_api_internal_secrets = {
    for source_key, target_key in var.api_internal_secret_mappings :
    target_key => lookup(var.environment_secrets, source_key, null)
    if lookup(var.environment_secrets, source_key, null) != null
  }
 
  computed_shared_secrets = {
    "SHARED__BACKEND_API_CLIENT__BASE_URL" = var.environment == "dev"
      ? "https://api-dev.example.com"
      : "https://api.example.com"
  }
 
  final_api_secrets = merge(
    var.environment_secrets,            # Original MY_APP__* secrets
    local.mapped_api_internal_secrets,  # Internal namespace aliases
    local.mapped_shared_secrets,        # SHARED__* versions
    local.computed_shared_secrets       # Computed values
  )
}
