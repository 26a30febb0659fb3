import { Check, Column, Entity, Index } from "typeorm";
import type { ComputeResources, Environment, RuntimeContract } from "../../model/environment.js";
import type { PodTemplate } from "../../model/pod-template.js";
import { ResourceEntity } from "./resource.entity.js";

@Entity("environment")
@Index("environment_name_key", ["namespace", "name"], { unique: true, where: "deleted_at IS NULL" })
@Check("environment_contract_check", "contract IN ('FERMI', 'FISSION_V1', 'FISSION_V2')")
export class EnvironmentEntity extends ResourceEntity implements Environment {
  @Column({ type: "text" })
  image!: string;

  @Column({ type: "text" })
  contract!: RuntimeContract;

  @Column({ name: "pool_size", type: "integer" })
  poolSize!: number;

  @Column({ type: "jsonb" })
  resources!: ComputeResources;

  @Column({ name: "grace_period_seconds", type: "integer" })
  gracePeriodSeconds!: number;

  @Column({ name: "pod_template", type: "jsonb", nullable: true })
  podTemplate!: PodTemplate | null;
}
