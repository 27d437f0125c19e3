module "api_secrets" {
  source                       = "./modules/secrets"
  environment                  = var.environment
  environment_secrets          = var.environment_secrets
  shared_secret_mappings       = merge(var.shared_secret_mappings, var.artifacts_secret_mappings)
  api_internal_secret_mappings = var.api_internal_secret_mappings
}

module "worker_a_secrets" {
  source          = "./modules/worker_secrets"
  environment     = var.environment
  region          = var.region
  service         = "worker-a"
  api_secrets     = var.environment_secrets
  secret_mappings = merge(var.shared_secret_mappings, var.worker_secret_mappings)
}

module "worker_b_secrets" {
  source      = "./modules/worker_secrets"
  environment = var.environment
  region      = var.region
  service     = "worker-b"
  api_secrets = var.environment_secrets
  secret_mappings = merge(
    var.shared_secret_mappings,
    var.artifacts_secret_mappings,
    var.worker_secret_mappings
  )
  daemon_only_secrets = var.worker_b_secrets
}

locals {
  dashboard_secrets = merge(
    {
      for source_key, target_key in var.frontend_secret_mappings :
      target_key => var.environment_secrets[source_key]
      if contains(keys(var.environment_secrets), source_key)
    },
    { NEXT_PUBLIC_API_BASE_URL = var.environment == "dev" ? "https://api-dev.example.com" : "https://api.example.com" }
  )

  buckets = {
    api-secrets       = module.api_secrets.secrets
    worker-a-secrets  = module.worker_a_secrets.secrets
    worker-b-secrets  = module.worker_b_secrets.secrets
    platform-config   = var.platform_secrets
    dashboard-secrets = local.dashboard_secrets
  }
}
