resource "aws_secretsmanager_secret" "bucket" {
  for_each = toset(["api-secrets", "worker-a-secrets", "worker-b-secrets", "platform-config", "dashboard-secrets"])
  name     = "${each.key}-${var.environment}"
}

resource "aws_secretsmanager_secret_version" "bucket" {
  for_each      = aws_secretsmanager_secret.bucket
  secret_id     = each.value.id
  secret_string = jsonencode(local.buckets[each.key])
}

resource "aws_ecs_cluster" "main" {
  name = "main-${var.environment}"
}

resource "aws_ecs_task_definition" "api" {
  family = "api-${var.environment}"
  container_definitions = jsonencode([{
    name  = "api"
    image = "api:1"
    secrets = [
      for name in keys(module.api_secrets.secrets) :
      { name = name, valueFrom = "${aws_secretsmanager_secret.bucket["api-secrets"].arn}:${name}::" }
    ]
  }])
}

resource "aws_ecs_service" "api" {
  name            = "api"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.api.arn
}

resource "aws_ecs_task_definition" "worker" {
  for_each = toset(["worker-a", "worker-b"])
  family   = "${each.key}-${var.environment}"
  container_definitions = jsonencode([{
    name    = "app"
    image   = "worker:1"
    secrets = [{ name = "SHARED__DB_SERVICE__KEY", valueFrom = "${aws_secretsmanager_secret.bucket["${each.key}-secrets"].arn}:SHARED__DB_SERVICE__KEY::" }]
  }])
}

resource "aws_ecs_service" "worker" {
  for_each        = aws_ecs_task_definition.worker
  name            = each.key
  cluster         = aws_ecs_cluster.main.id
  task_definition = each.value.arn
}
